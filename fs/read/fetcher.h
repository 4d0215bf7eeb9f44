// Brings the bytes of images here: one download per block however many wait for it, demanded blocks
// before wished ones, reads answered by whoever brings their bytes.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "cache/store.h"
#include "client/images.h"
#include "fs/filesystem.h"
#include "fs/read/alarm.h"
#include "fs/read/direct_sources.h"
#include "fs/read/flights.h"
#include "fs/read/image_data.h"
#include "fs/read/range_support.h"
#include "fs/read/rate_limit.h"
#include "fs/read/sealer.h"
#include "fs/read/verify.h"
#include "fs/transfers.h"

namespace glancefs::fs {

struct FetcherConfig {
  std::string endpoint;                           ///< prefix of cache keys
  unsigned connections = 8;                       ///< downloads at once
  std::chrono::milliseconds read_timeout{60000};  ///< longest wait of a read without progress
  /// How long a download that somebody waits for may bring nothing before it is begun anew where it
  /// is; the second time twice as long, and so on.
  std::chrono::milliseconds stall_timeout{5000};
  std::uint64_t spare_memory = 32ULL * 1024 * 1024;  ///< for blocks the cache does not keep
  Verify verify = Verify::kFull;
  std::uint64_t limit = 0;  ///< bytes per second; 0: none
  DirectConfig direct{};
};

/// Thread-safe. A reader that leaves, because it was interrupted or its time is up, never takes the
/// download with it; read-ahead ends with the last one that has the image open.
class Fetcher {
 public:
  /// `images` and `store` must outlive it.
  Fetcher(FetcherConfig config, client::Images& images, cache::Store& store);
  /// Cancels all downloads; reads that still wait fail with EIO.
  ~Fetcher();
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  /// A view of `image`, which must be active and have a size. Each call is matched by a close().
  std::shared_ptr<Reader> open(const client::ImagePtr& image);
  void close(const std::shared_ptr<Reader>& reader) noexcept;
  /// Whether the bytes are proven, so that the kernel may keep its pages.
  static bool proven(const Reader& reader);
  /// The file with all the bytes, once they are proven; null: there is none.
  static std::shared_ptr<const Fd> file(const Reader& reader);

  /// Answers `pending` with the bytes of `range`, now or later, and fetches ahead as the reads of
  /// `reader` suggest, `at_least` bytes. REQUIRES the range within the image, not empty.
  void read(const std::shared_ptr<Reader>& reader, cache::Extent range,
            std::unique_ptr<PendingRead> pending, std::uint64_t at_least = 0);
  /// The first part of the image from `offset` on that is not here, or else the first of all;
  /// nullopt: all is here.
  static std::optional<cache::Extent> missing(const Reader& reader, std::uint64_t offset);

  /// Bytes of `image` that are here, without opening it; nullopt: it is not open, ask the cache.
  std::optional<std::uint64_t> present(std::string_view image_id) const;
  /// The images of which downloads run.
  std::vector<Transfer> transfers() const;
  std::uint64_t fetched_bytes() const noexcept;
  /// Reads that were answered at once, and those that had to wait.
  struct Counts {
    std::uint64_t hits = 0, misses = 0;
  };
  Counts counts() const noexcept { return {.hits = hits_, .misses = misses_}; }

 private:
  using Time = std::chrono::steady_clock::time_point;

  void park(std::unique_ptr<Waiter> waiter, cache::Extent ahead);
  void plan(const Reader& reader, cache::Extent range, cache::Extent ahead) REQUIRES(mutex_);
  /// True: answered, or failed for good. False: bytes are missing, or the verdict is.
  bool try_answer(Waiter& waiter);
  /// Tries each; those that cannot be answered are parked.
  void answer(Waiters waiters);
  void deliver(Flight& flight, std::uint64_t offset, std::span<const std::byte> bytes);
  void hold_back(const Flight& flight);
  void download(const std::shared_ptr<Flight>& flight);
  void refuse_ranges(ImageData& data);
  void finish(const std::shared_ptr<Flight>& flight, const std::exception_ptr& failed);
  void seal_if_complete(const std::shared_ptr<ImageData>& data) REQUIRES(mutex_);
  void trust(const std::shared_ptr<ImageData>& data);
  void judge(const std::shared_ptr<ImageData>& data, cache::Seal result);
  void fetch_loop();
  std::shared_ptr<Flight> take();

  /// What the alarm does: answers when to do it again.
  Time look_after_readers();

  // Constant after construction.
  const FetcherConfig config_;
  client::Images& images_;
  cache::Store& store_;
  const std::unique_ptr<cache::Store> spare_;
  std::atomic<std::uint64_t> fetched_{0}, hits_{0}, misses_{0};
  DirectSources direct_;
  RangeSupport ranges_;
  RateLimit limit_;

  mutable Mutex mutex_;
  Condition work_;      ///< a flight was queued
  Condition progress_;  ///< a reader went on (for downloads that must not run too far ahead)
  bool ending_ GUARDED_BY(mutex_) = false;
  std::unordered_map<std::string, std::shared_ptr<ImageData>> open_ GUARDED_BY(mutex_);
  Flights flights_ GUARDED_BY(mutex_);

  // Last: their threads begin when all above lives, and end before it goes.
  Alarm alarm_;
  Sealer sealer_;
  std::vector<std::thread> threads_;
};

}  // namespace glancefs::fs
