#include "fs/metrics/operation_counters.h"

#include <cerrno>
#include <cstring>
#include <string>

namespace glancefs::fs {
namespace {

std::string result_name(std::size_t error) {
  if (error == 0) return "ok";
  const char* name = ::strerrorname_np(static_cast<int>(error));
  return name == nullptr ? std::to_string(error) : name;
}

}  // namespace

void OperationCounters::count(OperationName operation, int error,
                              std::chrono::nanoseconds duration) noexcept {
  Row& row = rows_.at(operation.index());
  const auto index = static_cast<std::size_t>(error);  // a negative one is too large
  row.results.at(index < kErrors ? index : EIO).fetch_add(1, std::memory_order_relaxed);
  row.duration.add(duration);
}

void OperationCounters::write(Exposition& into) const {
  into.family("glancefs_fuse_operations_total", Exposition::Type::kCounter,
              "Requests of the kernel that were answered, by operation and result. What the kernel "
              "does by itself (page cache, passthrough) is not among them.");
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    for (std::size_t error = 0; error < kErrors; ++error) {
      const std::uint64_t count = rows_.at(i).results.at(error).load(std::memory_order_relaxed);
      if (count == 0) continue;
      into.sample(count, {{"operation", kOperations.at(i)}, {"result", result_name(error)}});
    }
  }
  into.family("glancefs_fuse_operation_duration_seconds", Exposition::Type::kHistogram,
              "Time from a request of the kernel to its answer.");
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const Histogram& duration = rows_.at(i).duration;
    if (duration.sum().count() == 0) continue;
    into.histogram(duration, {{"operation", kOperations.at(i)}});
  }
}

}  // namespace glancefs::fs
