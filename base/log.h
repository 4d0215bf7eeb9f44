// The daemon's log: one line per event, five levels, one sink.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace glancefs::log {

enum class Level { kError, kWarning, kInfo, kDebug, kTrace };

/// How lines look on stderr, in syslog and in files; the journal has fields instead.
enum class Format { kText, kJson };

/// What is known of an event besides its text: fields of their own in the journal and in JSON.
struct Facts {
  std::string_view request_id;  ///< the X-Openstack-Request-Id of an answer
  std::string_view image;       ///< UUID
  int error = 0;                ///< errno
};

/// Where lines go. `target` is "stderr", "syslog", "journal" (journald's native socket),
/// "journal:PATH" (that of another journald, such as one of a namespace) or the path of a file,
/// which is appended to and made with mode 0600. Lines below `level` are dropped. Throws
/// system_error when the file or the journal cannot be opened; the old sink then stays. Until the
/// first call lines go to stderr from kWarning on. On stderr that is a systemd journal stream each
/// line carries its <N> priority.
void open(const std::string& target, Level level, Format format = Format::kText);

/// What was opened last, as open() takes it.
std::string target();

/// Whether `target` is the path of a file.
bool is_file(std::string_view target);

/// Opens the file by its name again, for who rotates logs: the old one may have been renamed. Where
/// that fails the old one stays and gets a line about it. Nothing to do for other targets.
/// Thread-safe; not for a signal handler.
void reopen() noexcept;

/// Thread-safe and cheap: decides before anything is formatted.
bool enabled(Level level) noexcept;

/// Writes one line. Control characters in `text` are escaped, so that a name chosen by a stranger
/// cannot forge lines or drive a terminal. Thread-safe; never throws, never waits for who reads
/// stderr or for journald: what finds no room is lost, and counted.
void write(Level level, std::string_view text, const Facts& facts = {}) noexcept;

/// `text` with control characters as \xNN, as write() does it. For texts shown to
/// a person that contain names from elsewhere.
std::string printable(std::string_view text);

template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kWarning)) {
    write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kInfo)) write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kDebug)) {
    write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
  }
}

}  // namespace glancefs::log
