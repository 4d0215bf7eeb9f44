#include "fs/mount/patience.h"

#include <fmt/core.h>

#include <algorithm>
#include <thread>

#include "base/log.h"

namespace glancefs::fs {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFirstPause{1000};
constexpr milliseconds kLongestPause{30'000};

}  // namespace

KnownLogin log_in_patiently(const Options& options, Ready& ready,
                            const std::function<KnownLogin()>& log_in) {
  const auto deadline = steady_clock::now() + options.retry;
  milliseconds pause = kFirstPause;
  while (true) {
    try {
      return log_in();
    } catch (const client::LoginError& error) {
      if (!options.background || !error.is_outage() || steady_clock::now() >= deadline) throw;
      ready.let_go(fmt::format("{}; going on trying in the background", error.text()));
      log::info("{}; tried again in {} s", error.text(),
                std::chrono::duration_cast<std::chrono::seconds>(pause).count());
    }
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    std::this_thread::sleep_for(std::min(pause, left));
    pause = std::min(2 * pause, kLongestPause);
  }
}

}  // namespace glancefs::fs
