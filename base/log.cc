#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <syslog.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "base/fd.h"
#include "base/journal.h"
#include "base/log_line.h"
#include "base/mutex.h"

namespace glancefs::log {
namespace {

constexpr std::string_view kJournalWord = "journal";

enum class Kind { kStderr, kSyslog, kJournal, kFile };

struct Sink {
  Mutex mutex;
  Kind kind GUARDED_BY(mutex) = Kind::kStderr;
  Format format GUARDED_BY(mutex) = Format::kText;
  std::string target GUARDED_BY(mutex) = "stderr";
  Fd file GUARDED_BY(mutex);
  Journal journal GUARDED_BY(mutex);
  std::uint64_t lost GUARDED_BY(mutex) = 0;  ///< lines that found no room
  std::atomic<Level> level{Level::kWarning};
};

Sink& sink() {
  static Sink instance;
  return instance;
}

// systemd sets JOURNAL_STREAM to device:inode of the stream it connected; only when stderr still is
// that stream are priority prefixes understood.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe)
  struct stat status {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
  return std::string_view(stream) == fmt::format("{}:{}", status.st_dev, status.st_ino);
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

Event event_of(Level level, std::string_view text, const Facts& facts = {}) {
  return {.time = std::chrono::system_clock::now(), .level = level, .text = text, .facts = facts};
}

std::string line(const Event& event) REQUIRES(sink().mutex) {
  return sink().format == Format::kJson ? json_line(event) : text_line(event);
}

std::string stderr_line(const Event& event) REQUIRES(sink().mutex) {
  static const bool journal = stderr_is_journal();
  if (!journal) return line(event);
  const std::string text =
      sink().format == Format::kJson ? json_line(event) : printable(event.text) + "\n";
  return fmt::format("<{}>{}", syslog_priority(event.level), text);
}

std::string syslog_text(const Event& event) REQUIRES(sink().mutex) {
  if (sink().format == Format::kText) return printable(event.text);
  std::string text = json_line(event);
  text.pop_back();
  return text;
}

// Where there may be no room, with a word about lines before it that were lost.
template <typename Send>
void send_counted(const Event& event, Send&& send) REQUIRES(sink().mutex) {
  std::uint64_t& lost = sink().lost;
  if (lost > 0) {
    const std::string note = fmt::format("{} lines of the log found no room", lost);
    if (send(event_of(Level::kWarning, note))) lost = 0;
  }
  if (lost > 0 || !send(event)) ++lost;
}

void send(const Event& event) REQUIRES(sink().mutex) {
  switch (sink().kind) {
    case Kind::kSyslog:
      ::syslog(syslog_priority(event.level), "%s", syslog_text(event).c_str());
      break;
    case Kind::kJournal:
      send_counted(event, [](const Event& one) REQUIRES(sink().mutex) {
        return sink().journal.send(journal_datagram(one));
      });
      break;
    case Kind::kFile:
      put(sink().file.get(), line(event));
      break;
    case Kind::kStderr:
      send_counted(event, [](const Event& one) REQUIRES(sink().mutex) {
        return put(STDERR_FILENO, stderr_line(one));
      });
      break;
  }
}

Fd open_file(const std::string& path) {
  return checked_fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600),
                    "log file " + path);
}

}  // namespace

void open(const std::string& target, Level level, Format format) {
  Kind kind = Kind::kFile;
  Fd file;
  Journal journal;
  if (target == "stderr") {
    kind = Kind::kStderr;
  } else if (target == "syslog") {
    kind = Kind::kSyslog;
    ::openlog("glancefs", LOG_PID, LOG_DAEMON);
  } else if (!is_file(target)) {
    kind = Kind::kJournal;
    const bool usual = target == kJournalWord;
    journal =
        Journal(usual ? std::string(Journal::kSocket) : target.substr(kJournalWord.size() + 1));
  } else {
    file = open_file(target);
  }
  Lock lock(sink().mutex);
  sink().kind = kind;
  sink().format = format;
  sink().target = target;
  sink().file = std::move(file);
  sink().journal = std::move(journal);
  sink().lost = 0;
  sink().level = level;
}

std::string target() {
  Lock lock(sink().mutex);
  return sink().target;
}

bool is_file(std::string_view target) {
  return target != "stderr" && target != "syslog" && target != kJournalWord &&
         !target.starts_with("journal:");
}

void reopen() noexcept {
  try {
    Lock lock(sink().mutex);
    if (sink().kind != Kind::kFile) return;
    try {
      sink().file = open_file(sink().target);
    } catch (const std::system_error& error) {
      send(event_of(Level::kError, error.what()));
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory; the old file goes on
  }
}

bool enabled(Level level) noexcept { return level <= sink().level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view text, const Facts& facts) noexcept {
  if (!enabled(level)) return;
  const int saved = errno;
  try {
    const Event event = event_of(level, text, facts);
    Lock lock(sink().mutex);
    send(event);
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
