// How the kernel's requests were answered: by operation and result, with the time it took.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "fs/metrics/exposition.h"
#include "fs/metrics/histogram.h"
#include "fs/metrics/operation.h"

namespace glancefs::fs {

/// Thread-safe, without a lock: each answer costs three atomic additions.
class OperationCounters {
 public:
  /// `error`: the errno that was answered, 0 for success.
  void count(OperationName operation, int error, std::chrono::nanoseconds duration) noexcept;

  /// glancefs_fuse_operations_total and glancefs_fuse_operation_duration_seconds, of what has
  /// happened at least once.
  void write(Exposition& into) const;

 private:
  static constexpr std::size_t kErrors = 134;  // the errnos of Linux, and 0

  /// Each on cache lines of its own: the threads of the loop count different operations.
  struct alignas(64) Row {
    std::array<std::atomic<std::uint64_t>, kErrors> results{};
    Histogram duration;
  };
  std::array<Row, kOperations.size()> rows_{};
};

}  // namespace glancefs::fs
