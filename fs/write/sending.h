// How far the upload of one file is.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "fs/transfers.h"

namespace glancefs::fs {

/// Thread-safe.
class Sending {
 public:
  /// Nothing has been tried yet.
  void reset() noexcept {
    sent_ = 0;
    attempts_ = 0;
  }
  /// The first byte is about to go, perhaps once more.
  void begin() noexcept {
    sent_ = 0;
    ++attempts_;
    since_ = std::chrono::steady_clock::now();
  }
  void set_sent(std::uint64_t bytes) noexcept { sent_ = bytes; }

  std::uint64_t sent() const noexcept { return sent_; }
  unsigned attempts() const noexcept { return attempts_; }
  /// Bytes per second of this attempt; nullopt: too short to tell.
  std::optional<double> rate() const {
    return rate_of(sent_, std::chrono::steady_clock::now() - since_.load());
  }

 private:
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<unsigned> attempts_{0};
  std::atomic<std::chrono::steady_clock::time_point> since_{};
};

}  // namespace glancefs::fs
