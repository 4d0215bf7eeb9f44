// One image while somebody has it open: its blocks, what is on its way, and who waits.
// State only; fs/read/fetcher.h moves it, and its mutex guards everything marked so.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "client/images.h"
#include "fs/filesystem.h"
#include "fs/read/blocks.h"
#include "fs/read/read_ahead.h"
#include "fs/read/verify.h"

namespace glancefs::fs {

class ImageData;

/// One open handle's view of an image. Guarded by the fetcher's mutex.
struct Reader {
  std::shared_ptr<ImageData> data;
  ReadAhead ahead;
  /// Which generation of the bytes it has got some of, see ImageData::generation.
  std::optional<std::uint64_t> generation;
};

/// A parked read.
struct Waiter {
  cache::Extent range;
  std::shared_ptr<Reader> reader;
  std::unique_ptr<PendingRead> pending;
  /// The beginning of the answer, kept as it comes: a cache too small to hold all of it at once
  /// still lets the reader through.
  std::vector<std::byte> bytes;
  std::uint64_t generation = 0;  ///< that `bytes` are of, see ImageData::generation
  std::chrono::steady_clock::time_point deadline;
  /// Wakes the watcher when the reader is interrupted. Destroying it waits for the callback, which
  /// takes the fetcher's mutex: so never destroy a Waiter under that mutex.
  std::unique_ptr<std::stop_callback<std::function<void()>>> on_interrupt;

  /// What is still lacking; length 0: nothing.
  cache::Extent rest() const {
    return {.offset = range.offset + bytes.size(), .length = range.length - bytes.size()};
  }
};

using Waiters = std::list<std::unique_ptr<Waiter>>;

/// A download that runs or queues: [position, end) is still to come.
struct Flight {
  std::shared_ptr<ImageData> data;
  std::uint64_t begin = 0, position = 0, end = 0;
  bool demanded = false;           ///< somebody waits for it
  bool whole = false;              ///< one plain GET of everything, for stores that know no ranges
  const Reader* wisher = nullptr;  ///< whose read-ahead it is
  std::stop_source stop;

  // How it goes, once it runs.
  std::chrono::steady_clock::time_point began{};
  /// When it last was seen to get on, and where it was then.
  std::chrono::steady_clock::time_point seen{};
  std::uint64_t seen_position = 0;
  /// When its first bytes had come, and where it was then.
  std::chrono::steady_clock::time_point first{};
  std::uint64_t first_position = 0;
};

/// Whether the bytes are what Glance says, by their hash.
enum class Verdict {
  kOpen,      ///< not all here yet, or still being computed
  kRight,     ///< proven, or there is nothing to compare with
  kWrong,     ///< wrong twice: nothing of it is served any more
  kUnproven,  ///< cannot be proven, because the cache cannot keep all of it
};

/// Readers that give up, because they were interrupted or nothing came in time.
struct Leaving {
  Waiters interrupted, late;
};

class ImageData {
 public:
  ImageData(client::ImagePtr what, Blocks where, Verify when)
      : image(std::move(what)),
        verify(when),
        blocks(std::move(where)) {}

  // Constant, or synchronising itself.
  const client::ImagePtr image;
  const Verify verify;
  Blocks blocks;
  /// Whether its store has been asked for ranges since it was opened, with whatever result.
  std::atomic<bool> store_asked = false;

  // Guarded by the fetcher's mutex.
  unsigned users = 0;  ///< open handles
  Waiters waiters;
  std::vector<std::shared_ptr<Flight>> flights;
  bool whole_only = false;  ///< the store refused a range
  /// One download is as fast as several: they would only get in each other's way.
  bool one_is_enough = false;
  bool sealing = false;
  Verdict verdict = Verdict::kOpen;
  unsigned mismatches = 0;
  unsigned stalls = 0;  ///< downloads given up because nothing came
  /// Counts how often the bytes turned out wrong and were dropped. A reader that got some of an
  /// earlier generation must not get any of a later one.
  std::uint64_t generation = 0;
  std::uint64_t furthest = 0;  ///< end of the furthest read so far
  std::uint64_t brought = 0;   ///< bytes downloaded of this generation

  /// Whether reads must wait for the verdict. With Verify::kFull from when everything is here, and
  /// all of them, for with parallel downloads and the kernel's read-ahead any may be the one that
  /// ends a program's reading, and that one must not succeed on wrong bytes.
  bool awaits_verdict() const;
  /// Whether all that was missing has come, and yet not all is here: something gave it up again.
  bool does_not_fit() const;
  /// Why nothing is served any more; nullptr: something is.
  const char* refusal() const;
  /// Whether all that `waiter` waits for is here.
  bool covers(const Waiter& waiter) const;

  /// `flight` has brought `bytes`: hands them to those who wait for them, renews the deadline of
  /// all who wait for what it will bring, and answers those who have everything.
  Waiters give(const Flight& flight, std::uint64_t offset, std::span<const std::byte> bytes,
               std::chrono::steady_clock::time_point deadline);
  /// Those who wait for what `flight` has not brought.
  Waiters take_waiters_of(const Flight& flight);
  /// Those for whom nothing is on its way any more: blocks they need were given up again.
  Waiters take_stranded();

  /// Moves those who give up now to `leaving`; `next`: lowered to when to look again.
  void take_leaving(std::chrono::steady_clock::time_point now, Leaving& leaving,
                    std::chrono::steady_clock::time_point& next);
  /// What the hash says of all the bytes. False: they were wrong and have been dropped, and are to
  /// be fetched once more unless the verdict says that it was the second time.
  bool judge(cache::Seal result);

  /// The flight that will bring the block at `offset`; null: none.
  Flight* flight_at(std::uint64_t offset) const;
  /// The nearest beginning of a flight after `offset`, at most `end`.
  std::uint64_t next_flight(std::uint64_t offset, std::uint64_t end) const;
};

}  // namespace glancefs::fs
