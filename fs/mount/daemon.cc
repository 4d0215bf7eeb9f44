#include "fs/mount/daemon.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>

#include "base/log.h"
#include "base/poll.h"
#include "fs/mount/held_signals.h"

namespace glancefs::fs {
namespace {

using std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return;  // the one who waited is gone
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
}

/// Waits for `first` (and `second`, unless -1) to become readable. 0: neither did in time.
int wait_readable(int first, int second, SteadyTime deadline) {
  std::array<pollfd, 2> fds{pollfd{first, POLLIN, 0}, pollfd{second, POLLIN, 0}};
  const int count = poll_until(fds, deadline);
  if (count < 0) throw_errno(errno, "poll");
  if (count == 0) return 0;
  return fds[0].revents != 0 ? first : second;
}

/// The daemon as the process that waits for it sees it.
class Child {
 public:
  Child(pid_t pid, Fd reports)
      : pid_(pid),
        // Through syscall(): glibc 2.36 was the first with a function for it.
        handle_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
        reports_(std::move(reports)) {}

  enum class Outcome { kReport, kSilence, kInterrupt };
  Outcome wait_for_report(SteadyTime deadline, const HeldSignals& signals);

  /// The report: the exit code in its first byte, then what is to be printed. Empty: it died.
  const std::string& report() const { return report_; }

  /// SIGTERM, then SIGKILL when `grace` has passed. False: it still is there, hanging in the
  /// kernel.
  bool end(milliseconds grace);
  /// Waits until it is gone. False: it still is there after `grace`.
  bool wait_gone(milliseconds grace);
  /// "killed by signal 11" or "ended with code 1", once it is gone.
  std::string last_words() const;

 private:
  pid_t pid_;
  Fd handle_;
  Fd reports_;
  std::string report_;
  int status_ = 0;
};

Child::Outcome Child::wait_for_report(SteadyTime deadline, const HeldSignals& signals) {
  for (;;) {
    const int readable = wait_readable(reports_.get(), signals.arrivals(), deadline);
    if (readable == 0) return Outcome::kSilence;
    if (readable == signals.arrivals()) return Outcome::kInterrupt;
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(reports_.get(), buffer.data(), buffer.size());
    if (count > 0) report_.append(buffer.data(), static_cast<std::size_t>(count));
    if (count == 0) return Outcome::kReport;
    if (count < 0 && errno != EINTR) throw_errno(errno, "reading from the daemon");
  }
}

bool Child::wait_gone(milliseconds grace) {
  const auto deadline = std::chrono::steady_clock::now() + grace;
  if (handle_ && wait_readable(handle_.get(), -1, deadline) == 0) return false;
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) continue;
  return true;
}

bool Child::end(milliseconds grace) {
  ::kill(pid_, SIGTERM);
  if (wait_gone(grace)) return true;
  ::kill(pid_, SIGKILL);
  return wait_gone(grace);
}

std::string Child::last_words() const {
  if (WIFSIGNALED(status_)) return fmt::format("was killed by signal {}", WTERMSIG(status_));
  return fmt::format("ended with code {}", WEXITSTATUS(status_));
}

void print(const std::string& text) { write_all(STDERR_FILENO, text); }

void undo(const Startup& startup) {
  try {
    startup.undo();
  } catch (...) {
    print(describe_failure(startup.program, std::current_exception()).text);
  }
}

int give_up(const Startup& startup, Child& child, ExitCode code, std::string_view why) {
  // What hangs in the kernel may hold the mount point, too: better not touch it then.
  if (child.end(startup.grace)) undo(startup);
  print(fmt::format("{}: {}\n", startup.program, why));
  return static_cast<int>(code);
}

int pass_on(const Startup& startup, Child& child) {
  if (child.report().empty()) {
    if (child.wait_gone(startup.grace)) undo(startup);
    print(fmt::format("{}: the daemon {} before the mount was usable\n", startup.program,
                      child.last_words()));
    return static_cast<int>(ExitCode::kBug);
  }
  const int code = static_cast<unsigned char>(child.report().front());
  print(child.report().substr(1));
  // A daemon that failed is about to end: mount(8) should not come back before it is gone.
  if (code != 0) child.wait_gone(startup.grace);
  return code;
}

int await(const Startup& startup, Child& child, const HeldSignals& signals) {
  const auto deadline = std::chrono::steady_clock::now() + startup.limit;
  switch (child.wait_for_report(deadline, signals)) {
    case Child::Outcome::kInterrupt:
      return give_up(startup, child, ExitCode::kInterrupted, "interrupted");
    case Child::Outcome::kSilence:
      return give_up(startup, child, ExitCode::kMountFailed,
                     fmt::format("not mounted after {} s (mount-timeout)",
                                 static_cast<double>(startup.limit.count()) / 1000));
    case Child::Outcome::kReport:
      break;
  }
  return pass_on(startup, child);
}

/// Leaves everything that belongs to the caller but 0–2, `report` and `handed` (-1: none).
void detach(int report, int handed) {
  ::setsid();
  unsigned first = STDERR_FILENO + 1;
  for (const int fd : {std::min(report, handed), std::max(report, handed)}) {
    const auto kept = static_cast<unsigned>(fd);
    if (fd < 0 || kept < first) continue;
    if (kept > first) ::close_range(first, kept - 1, 0);
    first = kept + 1;
  }
  ::close_range(first, ~0U, 0);
  if (::chdir("/") != 0) throw_errno(errno, "/");
  // Logs, sockets and databases of a daemon with passwords are nobody else's business.
  ::umask(077);
}

}  // namespace

void Ready::tell(const std::string& text) {
  told_ = true;
  if (!report_) {
    print(text);
  } else {
    // Before the report: whoever reads our output to its end may go on the moment the caller exits.
    const Fd null = checked_fd(::open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null");
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
    write_all(report_.get(), std::string(1, '\0') + text);
    report_.reset();
  }
}

void Ready::ready(const std::string& announcement) {
  ready_ = true;
  tell(announcement.empty() ? "" : announcement + "\n");
}

void Ready::let_go(const std::string& why) {
  if (let_go_ || ready_) return;
  let_go_ = true;
  const bool background = bool(report_);
  tell(fmt::format("{}: {}\n", program_, log::printable(why)));
  told_ = background;  // in the foreground there still is somebody to tell
}

void Ready::report_failure(const Failure& failure) {
  if (told_) {
    // Its lines as one.
    std::string text = failure.text.substr(0, failure.text.find_last_not_of('\n') + 1);
    std::ranges::replace(text, '\n', ';');
    log::error("{}", text);
  } else if (!report_) {
    print(failure.text);
  } else {
    write_all(report_.get(), std::string(1, static_cast<char>(failure.code)) + failure.text);
    report_.reset();
  }
}

int Ready::serve(const Startup& startup, const std::function<void(Ready&)>& function) {
  try {
    if (report_) detach(report_.get(), startup.handed);
    function(*this);
    return static_cast<int>(ExitCode::kSuccess);
  } catch (...) {
    const Failure failure = describe_failure(startup.program, std::current_exception());
    report_failure(failure);
    return static_cast<int>(failure.code);
  }
}

int start(const Startup& startup, const std::function<void(Ready&)>& serve) {
  if (startup.foreground) return Ready(Fd(), startup.program).serve(startup, serve);

  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw StartError(ExitCode::kSystem, "no pipe to be had");
  Fd reading(ends[0]);
  Fd writing(ends[1]);
  HeldSignals signals;
  static_cast<void>(std::fflush(nullptr));  // or the child would print it again
  const pid_t pid = ::fork();
  if (pid < 0) throw StartError(ExitCode::kSystem, "no further process can be started");
  if (pid == 0) {
    reading.reset();
    signals.release();
    return Ready(std::move(writing), startup.program).serve(startup, serve);
  }
  writing.reset();
  Child child(pid, std::move(reading));
  return await(startup, child, signals);
}

}  // namespace glancefs::fs
