#include "fs/read/rate_limit.h"

#include <algorithm>
#include <limits>
#include <system_error>

#include "client/retry.h"

namespace glancefs::fs {

std::uint64_t RateLimit::portion() const noexcept {
  if (rate_ == 0) return std::numeric_limits<std::uint64_t>::max();
  return std::max<std::uint64_t>(rate_ / 10, 1024);
}

bool RateLimit::spend(std::uint64_t bytes, const std::stop_token& stop) {
  if (rate_ == 0) return false;
  using std::chrono::milliseconds;
  constexpr milliseconds kBurst{100};
  const std::chrono::duration<double> price(static_cast<double>(bytes) /
                                            static_cast<double>(rate_));
  milliseconds wait{0};
  {
    const Lock lock(mutex_);
    const Time now = std::chrono::steady_clock::now();
    paid_ = std::max(paid_, now - kBurst) +
            std::chrono::duration_cast<std::chrono::steady_clock::duration>(price);
    if (paid_ > now) wait = std::chrono::ceil<milliseconds>(paid_ - now);
  }
  if (wait <= milliseconds{0}) return false;
  try {
    client::pause(wait, stop);
  } catch (const std::system_error&) {
    return true;  // stopped: whoever stopped us says so to the transfer, too
  }
  return true;
}

}  // namespace glancefs::fs
