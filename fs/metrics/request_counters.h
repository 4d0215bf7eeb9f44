// How requests to Keystone and Glance went: by operation and result, with time and bytes.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "client/observed_transport.h"
#include "fs/metrics/exposition.h"
#include "fs/metrics/histogram.h"

namespace glancefs::fs {

/// Thread-safe. Each request takes milliseconds, so there is a lock for the one count at its end;
/// bytes are counted without.
class RequestCounters : public client::ExchangeObserver {
 public:
  void moved(std::uint64_t sent, std::uint64_t received) noexcept override;
  void ended(const client::Exchange& exchange) noexcept override;

  /// glancefs_requests_total, glancefs_request_duration_seconds, glancefs_sent_bytes_total and
  /// glancefs_received_bytes_total.
  void write(Exposition& into) const;

 private:
  static constexpr auto kOperationCount = static_cast<std::size_t>(client::Operation::kOther) + 1;

  std::atomic<std::uint64_t> sent_{0}, received_{0};
  std::array<Histogram, kOperationCount> durations_;
  mutable Mutex mutex_;
  std::map<std::pair<client::Operation, std::string>, std::uint64_t> counts_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
