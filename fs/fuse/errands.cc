#include "fs/fuse/errands.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <exception>
#include <utility>

#include "base/log.h"

namespace glancefs::fs {

static_assert(std::atomic<bool>::is_always_lock_free, "it is written in a signal handler");

Errands::Errands(std::vector<Task> tasks)
    : wake_(checked_fd(::eventfd(0, EFD_CLOEXEC), "eventfd")) {
  for (Task& task : tasks) {
    errands_.push_back(std::make_unique<Errand>());
    errands_.back()->task = std::move(task);
  }
  worker_ = std::thread([this] { work(); });
}

Errands::~Errands() {
  stop_.request_stop();
  wake();
  worker_.join();
}

void Errands::ask(std::size_t task) noexcept {
  errands_[task]->asked = true;
  wake();
}

void Errands::wake() noexcept {
  const std::uint64_t one = 1;
  // It fails only when the counter is full, and then the worker has enough to wake it.
  [[maybe_unused]] const ssize_t done = ::write(wake_.get(), &one, sizeof one);
}

void Errands::work() {
  while (!stop_.stop_requested()) {
    std::uint64_t count = 0;
    if (::read(wake_.get(), &count, sizeof count) < 0) continue;  // EINTR
    for (const auto& errand : errands_) {
      if (!errand->asked.exchange(false) || stop_.stop_requested()) continue;
      try {
        errand->task(stop_.get_token());
      } catch (const std::exception& error) {
        log::error("{}", error.what());
      }
    }
  }
}

}  // namespace glancefs::fs
