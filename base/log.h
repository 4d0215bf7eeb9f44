// The daemon's log: one line per event, five levels, one sink.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace glancefs::log {

enum class Level { kError, kWarning, kInfo, kDebug, kTrace };

/// Where lines go. `target` is "stderr", "syslog" or the path of a file, which is appended to and
/// made with mode 0600. Lines below `level` are dropped. Throws system_error when the file cannot
/// be opened; the old sink then stays. Until the first call lines go to stderr from kWarning on.
/// On stderr that is a systemd journal stream each line carries its <N> priority.
void open(const std::string& target, Level level);

/// Thread-safe and cheap: decides before anything is formatted.
bool enabled(Level level) noexcept;

/// Writes one line. Control characters in `text` are escaped, so that a name chosen by a stranger
/// cannot forge lines or drive a terminal. Thread-safe; never throws.
void write(Level level, std::string_view text) noexcept;

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
