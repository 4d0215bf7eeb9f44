#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <syslog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <cstdlib>
#include <ctime>

#include "base/fd.h"
#include "base/mutex.h"

namespace glancefs::log {
namespace {

enum class Kind { kStderr, kSyslog, kFile };

struct Sink {
  Mutex mutex;
  Kind kind GUARDED_BY(mutex) = Kind::kStderr;
  Fd file GUARDED_BY(mutex);
  std::uint64_t lost GUARDED_BY(mutex) = 0;  ///< lines that found no room
  std::atomic<Level> level{Level::kWarning};
};

Sink& sink() {
  static Sink instance;
  return instance;
}

int syslog_priority(Level level) {
  switch (level) {
    case Level::kError:
      return LOG_ERR;
    case Level::kWarning:
      return LOG_WARNING;
    case Level::kInfo:
      return LOG_INFO;
    default:
      return LOG_DEBUG;
  }
}

std::string_view label(Level level) {
  static constexpr std::array<std::string_view, 5> kLabels{"error", "warning", "info", "debug",
                                                           "trace"};
  return kLabels.at(static_cast<std::size_t>(level));
}

// systemd sets JOURNAL_STREAM to device:inode of the stream it connected; only when stderr still is
// that stream are priority prefixes understood.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe)
  struct stat status {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
  return std::string_view(stream) == fmt::format("{}:{}", status.st_dev, status.st_ino);
}

std::string line(Level level, std::string_view text) {
  std::timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::tm utc{};
  ::gmtime_r(&now.tv_sec, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z {:<7} {}\n", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     now.tv_nsec / 1000000, label(level), printable(text));
}

// A pipe that nobody empties, or a terminal that is held, must not hold up who logs: what finds no
// room is lost. False: some of it was.
bool put(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd room{.fd = fd, .events = POLLOUT, .revents = 0};
    if (::poll(&room, 1, 0) <= 0) return false;
    // Where there is room, there is for this much.
    const ssize_t done = ::write(fd, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;  // a log that cannot be written has nobody to tell
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

// To stderr, with a word about lines before it that were lost.
void put_counted(const std::string& text) REQUIRES(sink().mutex) {
  std::uint64_t& lost = sink().lost;
  if (lost > 0 &&
      put(STDERR_FILENO,
          line(Level::kWarning, fmt::format("{} lines of the log found no room", lost)))) {
    lost = 0;
  }
  if (lost > 0 || !put(STDERR_FILENO, text)) ++lost;
}

}  // namespace

void open(const std::string& target, Level level) {
  Kind kind = Kind::kFile;
  Fd file;
  if (target == "stderr") {
    kind = Kind::kStderr;
  } else if (target == "syslog") {
    kind = Kind::kSyslog;
    ::openlog("glancefs", LOG_PID, LOG_DAEMON);
  } else {
    file = checked_fd(::open(target.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600),
                      "log file " + target);
  }
  Lock lock(sink().mutex);
  sink().kind = kind;
  sink().file = std::move(file);
  sink().level = level;
}

bool enabled(Level level) noexcept { return level <= sink().level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view text) noexcept {
  if (!enabled(level)) return;
  const int saved = errno;
  try {
    static const bool journal = stderr_is_journal();
    Lock lock(sink().mutex);
    switch (sink().kind) {
      case Kind::kSyslog:
        ::syslog(syslog_priority(level), "%s", printable(text).c_str());
        break;
      case Kind::kFile:
        put(sink().file.get(), line(level, text));
        break;
      case Kind::kStderr:
        put_counted(journal ? fmt::format("<{}>{}\n", syslog_priority(level), printable(text))
                            : line(level, text));
        break;
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory while logging; the caller goes on
  }
  errno = saved;
}

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace glancefs::log
