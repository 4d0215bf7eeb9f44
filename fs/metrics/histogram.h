// How long things took: counts by duration, without a lock.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace glancefs::fs {

/// Durations in buckets that are four times as wide each, from 16 µs to 67 s: so both an answer
/// from memory and an upload fall into some. Thread-safe; adding costs two atomic additions.
class Histogram {
 public:
  static constexpr std::size_t kBuckets = 12;

  /// The upper end of a bucket. The last bucket (kBuckets) has none.
  static constexpr std::chrono::nanoseconds bound(std::size_t bucket) noexcept {
    return std::chrono::microseconds(16LL << (2 * bucket));
  }
  static constexpr std::size_t bucket_of(std::chrono::nanoseconds duration) noexcept {
    std::size_t bucket = 0;
    while (bucket < kBuckets && duration > bound(bucket)) ++bucket;
    return bucket;
  }

  void add(std::chrono::nanoseconds duration) noexcept {
    counts_.at(bucket_of(duration)).fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(static_cast<std::uint64_t>(duration.count()), std::memory_order_relaxed);
  }

  /// What fell into each bucket, not into those before it; as it is at about this moment.
  std::array<std::uint64_t, kBuckets + 1> counts() const noexcept {
    std::array<std::uint64_t, kBuckets + 1> counts{};
    for (std::size_t i = 0; i < counts.size(); ++i) {
      counts.at(i) = counts_.at(i).load(std::memory_order_relaxed);
    }
    return counts;
  }
  std::chrono::nanoseconds sum() const noexcept {
    return std::chrono::nanoseconds(sum_.load(std::memory_order_relaxed));
  }

 private:
  std::array<std::atomic<std::uint64_t>, kBuckets + 1> counts_{};
  std::atomic<std::uint64_t> sum_{0};  // nanoseconds: enough for 580 years
};

}  // namespace glancefs::fs
