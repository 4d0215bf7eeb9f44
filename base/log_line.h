// What a line of the log looks like: for people, as JSON, and as a datagram for journald.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/log.h"

namespace glancefs::log {

/// One event.
struct Event {
  std::chrono::system_clock::time_point time;
  Level level = Level::kInfo;
  std::string_view text;
  Facts facts{};
};

/// "2026-01-31T12:00:00.000Z warning TEXT\n". Control characters are escaped, see printable().
std::string text_line(const Event& event);

/// {"time":…,"level":…,"message":…} and what is known of request_id, image and errno, on one line
/// with its newline. What is no UTF-8 becomes U+FFFD, since JSON cannot carry it.
std::string json_line(const Event& event);

/// The datagram of journald's native protocol: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, and what is
/// known of ERRNO, GLANCEFS_REQUEST_ID and GLANCEFS_IMAGE. A text of more than 32 KiB, which no
/// datagram is sure to hold, is cut.
std::string journal_datagram(const Event& event);

/// The priority of syslog(3).
int syslog_priority(Level level) noexcept;

/// `text` between quotes, as JSON writes it.
std::string json_string(std::string_view text);

}  // namespace glancefs::log
