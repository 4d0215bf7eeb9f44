#include "fs/fuse/shutdown.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace glancefs::fs {
namespace {

constexpr std::uint64_t kSignal = 1;
constexpr std::uint64_t kEnd = 1ULL << 32;

void add(const Fd& counter, std::uint64_t count) noexcept {
  // It fails only when the counter is full, and then the other side has enough to read.
  [[maybe_unused]] const ssize_t done = ::write(counter.get(), &count, sizeof count);
}

}  // namespace

Shutdown::Shutdown(std::chrono::milliseconds limit, ShutdownSteps steps)
    : limit_(limit),
      steps_(std::move(steps)),
      signals_(checked_fd(::eventfd(0, EFD_CLOEXEC), "eventfd")),
      listener_([this] { listen(); }) {}

Shutdown::~Shutdown() {
  add(signals_, kEnd);
  listener_.join();
  if (rundown_.joinable()) rundown_.join();
}

void Shutdown::signal() noexcept { add(signals_, kSignal); }

void Shutdown::listen() {
  while (true) {
    std::uint64_t count = 0;
    if (::read(signals_.get(), &count, sizeof count) != sizeof count) continue;  // EINTR
    if (count >= kEnd) return;
    if (rundown_.joinable() || count > 1) {
      hurry_.request_stop();
      steps_.exit();
    }
    if (!rundown_.joinable()) rundown_ = std::thread([this] { run_down(); });
  }
}

void Shutdown::run_down() {
  try {
    steps_.detach();
  } catch (const std::exception& error) {
    log::warning("{}", error.what());
  }
  finish();
  steps_.exit();
}

void Shutdown::finish() {
  if (hurry_.stop_requested()) return;
  steps_.finish_uploads(std::chrono::steady_clock::now() + limit_, hurry_.get_token());
  hurry_.request_stop();
}

}  // namespace glancefs::fs
