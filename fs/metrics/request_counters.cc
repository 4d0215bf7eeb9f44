#include "fs/metrics/request_counters.h"

#include <exception>

namespace glancefs::fs {

void RequestCounters::moved(std::uint64_t sent, std::uint64_t received) noexcept {
  if (sent > 0) sent_.fetch_add(sent, std::memory_order_relaxed);
  if (received > 0) received_.fetch_add(received, std::memory_order_relaxed);
}

void RequestCounters::ended(const client::Exchange& exchange) noexcept {
  durations_.at(static_cast<std::size_t>(exchange.operation)).add(exchange.duration);
  try {
    std::string result = client::result_of(exchange);
    const Lock lock(mutex_);
    ++counts_[{exchange.operation, std::move(result)}];
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): out of memory; one is missed
  }
}

void RequestCounters::write(Exposition& into) const {
  into.family("glancefs_requests_total", Exposition::Type::kCounter,
              "Requests to Keystone and Glance, by what they were for and their HTTP status; or "
              "resolve, connect, timeout, tls, protocol, stopped where none came, and unusable for "
              "an answer that could not be taken.");
  {
    const Lock lock(mutex_);
    for (const auto& [key, count] : counts_) {
      into.sample(count, {{"operation", client::name_of(key.first)}, {"result", key.second}});
    }
  }
  into.family("glancefs_request_duration_seconds", Exposition::Type::kHistogram,
              "Time from a request to the last byte of its answer.");
  for (std::size_t i = 0; i < durations_.size(); ++i) {
    const Histogram& duration = durations_[i];
    if (duration.sum().count() == 0) continue;
    into.histogram(duration, {{"operation", client::name_of(static_cast<client::Operation>(i))}});
  }
  using enum Exposition::Type;
  into.single("glancefs_sent_bytes_total", kCounter, "Bytes of bodies of requests.", sent_.load());
  into.single("glancefs_received_bytes_total", kCounter, "Bytes of bodies of answers.",
              received_.load());
}

}  // namespace glancefs::fs
