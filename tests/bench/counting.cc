// What counting costs a request of the kernel: two looks at the clock and OperationCounters::count.
#include <fmt/core.h>

#include <chrono>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

#include "fs/metrics/operation_counters.h"

namespace {

using glancefs::fs::OperationCounters;
using Clock = std::chrono::steady_clock;

constexpr int kTimes = 5'000'000;

// Nanoseconds of processor time for one `action`, when `threads` do it at once.
template <typename Action>
double cost(int threads, Action action) {
  const std::clock_t began = std::clock();
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&action] {
      for (int n = 0; n < kTimes; ++n) action();
    });
  }
  for (std::thread& thread : all) thread.join();
  constexpr double kNano = 1e9;
  return static_cast<double>(std::clock() - began) * kNano / CLOCKS_PER_SEC / threads / kTimes;
}

}  // namespace

int main() {
  const auto counters = std::make_unique<OperationCounters>();
  for (const int threads : {1, 2, 4}) {
    const double clock = cost(threads, [] {
      static_cast<void>(Clock::now());
      static_cast<void>(Clock::now());
    });
    // All the same operation, which is the worst that can happen.
    const double all = cost(threads, [&] {
      const auto began = Clock::now();
      counters->count("read", 0, Clock::now() - began);
    });
    fmt::print("{} threads: {:.0f} ns per operation, {:.0f} of them for the clock\n", threads, all,
               clock);
  }
}
