// One direction of a simulated line: so many bytes per second, and a time of flight.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace glancefs::bench {

using Clock = std::chrono::steady_clock;

/// What a line is like.
struct Line {
  Clock::duration flight{};           ///< half the round trip
  std::optional<double> bytes_per_s;  ///< none: as fast as the machine
};

/// Bytes on their way: each chunk becomes due when a line of that speed and length would have
/// brought its last byte. One thread.
class DelayLine {
 public:
  /// Nothing enters the line before `open`: what is pushed earlier waits for it.
  DelayLine(const Line& line, Clock::time_point open) : line_(line), free_(open) {}

  void push(std::string bytes, Clock::time_point now) {
    free_ = std::max(free_, now);
    if (line_.bytes_per_s)
      free_ += std::chrono::duration_cast<Clock::duration>(
          std::chrono::duration<double>(static_cast<double>(bytes.size()) / *line_.bytes_per_s));
    held_ += bytes.size();
    chunks_.push_back({free_ + line_.flight, std::move(bytes)});
  }
  /// The sender closed: nothing follows what was pushed.
  void end(Clock::time_point now) {
    push({}, now);
    ended_ = true;
  }

  bool ended() const noexcept { return ended_; }
  /// A sender in front of a slow line has a buffer, not a warehouse: without this bound it would be
  /// told that everything is sent while most of it still waits. Wide enough for any line we draw.
  bool full() const noexcept { return held_ >= kRoom; }
  bool empty() const noexcept { return chunks_.empty(); }
  /// When the first chunk is due; only of a line that is not empty.
  Clock::time_point due() const { return chunks_.front().due; }
  /// The first chunk, or what is left of it; an empty one is the end.
  const std::string& front() const { return chunks_.front().bytes; }
  /// `count` bytes of the first chunk have arrived.
  void pop(std::size_t count) {
    held_ -= count;
    if (count == front().size())
      chunks_.pop_front();
    else
      chunks_.front().bytes.erase(0, count);
  }

 private:
  static constexpr std::size_t kRoom = 4UL << 20U;

  struct Chunk {
    Clock::time_point due;
    std::string bytes;
  };

  Line line_;
  Clock::time_point free_;  ///< when the line can take the next byte
  std::deque<Chunk> chunks_;
  std::size_t held_ = 0;
  bool ended_ = false;
};

}  // namespace glancefs::bench
