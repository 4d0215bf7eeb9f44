#include "fs/fuse/loop.h"

#include <pthread.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>

namespace glancefs::fs {
namespace {

// Operations that run on these threads need memory only, but write() may have to wait for the local
// disk; with a handful it does not stop the others.
constexpr std::size_t kWorkers = 8;

// Ignored by default, so that a late one does no harm. With a handler (and without SA_RESTART) it
// makes read(2) return.
constexpr int kWakeSignal = SIGURG;

class WakeHandler {
 public:
  WakeHandler() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    if (::sigaction(kWakeSignal, &action, &before_) != 0) throw_errno(errno, "sigaction");
  }
  ~WakeHandler() { ::sigaction(kWakeSignal, &before_, nullptr); }
  WakeHandler(const WakeHandler&) = delete;
  WakeHandler& operator=(const WakeHandler&) = delete;

 private:
  struct sigaction before_ {};
};

// Process-wide signals are for other threads; the wake signal is sent to each by name.
void take_only_the_wake_signal() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  ::sigdelset(&all, kWakeSignal);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

FuseLoop::FuseLoop(fuse_session* session)
    : session_(session),
      ended_(checked_fd(::eventfd(0, EFD_CLOEXEC), "eventfd")) {}

void FuseLoop::request_exit() noexcept {
  const std::uint64_t one = 1;
  // Cannot fail: the counter has room for 2^64 - 2 of these.
  static_cast<void>(::write(ended_.get(), &one, sizeof one));
}

void FuseLoop::run() {
  const WakeHandler handler;
  try {
    for (std::size_t i = 0; i < kWorkers; ++i) {
      {
        Lock lock(mutex_);
        ++working_;
      }
      try {
        workers_.emplace_back([this] { work(); });
      } catch (...) {
        Lock lock(mutex_);
        --working_;
        throw;
      }
    }
  } catch (const std::system_error&) {
    if (workers_.empty()) throw;  // fewer will do
  }
  std::uint64_t count = 0;
  while (::read(ended_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
  fuse_session_exit(session_);
  wake_workers();
  for (std::thread& worker : workers_) worker.join();
  if (const int error = error_.load(); error != 0) throw_errno(error, "connection to the kernel");
}

// A signal that comes between a worker's look at the session and its read(2) is lost, hence again
// until all have left.
void FuseLoop::wake_workers() {
  Lock lock(mutex_);
  while (working_ > 0) {
    for (std::thread& worker : workers_) ::pthread_kill(worker.native_handle(), kWakeSignal);
    left_.wait_until(mutex_, std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
  }
}

void FuseLoop::work() noexcept {
  take_only_the_wake_signal();
  fuse_buf buffer{};
  while (fuse_session_exited(session_) == 0) {
    const int size = fuse_session_receive_buf(session_, &buffer);
    if (size == -EINTR || size == -EAGAIN) continue;
    if (size < 0) {
      int none = 0;
      error_.compare_exchange_strong(none, -size);
    }
    if (size <= 0) break;  // 0: unmounted
    fuse_session_process_buf(session_, &buffer);
  }
  std::free(buffer.mem);  // NOLINT(cppcoreguidelines-no-malloc): libfuse's malloc()
  request_exit();
  Lock lock(mutex_);
  --working_;
  left_.notify_all();
}

}  // namespace glancefs::fs
