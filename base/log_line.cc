#include "base/log_line.h"

#include <fmt/chrono.h>
#include <syslog.h>

#include <array>
#include <cstdint>

namespace glancefs::log {
namespace {

// Datagrams may have at least 64 KiB on any system (net.core.wmem_default).
constexpr std::size_t kLongestJournalText = std::size_t{32} * 1024;

std::string_view label(Level level) {
  static constexpr std::array<std::string_view, 5> kLabels{"error", "warning", "info", "debug",
                                                           "trace"};
  return kLabels.at(static_cast<std::size_t>(level));
}

std::string time_text(std::chrono::system_clock::time_point time) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(milliseconds);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds),
                     (milliseconds - seconds).count());
}

// Bytes of the UTF-8 character that `text` begins with; 0: it begins with none.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t at) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at]));
  };
  if (byte(0) < 0x80) return 1;
  const std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return 0;
  std::uint32_t code = byte(0) & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
    code = code << 6U | (byte(i) & 0x3fU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return overlong || surrogate || code > 0x10ffff ? 0 : length;
}

// A field whose value is on one line.
void add_field(std::string& datagram, std::string_view name, std::string_view value) {
  datagram.append(name).append("=").append(printable(value)).append("\n");
}

}  // namespace

int syslog_priority(Level level) noexcept {
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

std::string json_string(std::string_view text) {
  std::string result = "\"";
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    const auto byte = static_cast<unsigned char>(text.front());
    if (length == 0) {
      result += "\\ufffd";
    } else if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\u{:04x}", byte);
    } else {
      if (byte == '"' || byte == '\\') result += '\\';
      result += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return result + "\"";
}

std::string text_line(const Event& event) {
  return fmt::format("{} {:<7} {}\n", time_text(event.time), label(event.level),
                     printable(event.text));
}

std::string json_line(const Event& event) {
  std::string line =
      fmt::format(R"({{"time":"{}","level":"{}","message":{})", time_text(event.time),
                  label(event.level), json_string(event.text));
  if (!event.facts.request_id.empty()) {
    line += ",\"request_id\":" + json_string(event.facts.request_id);
  }
  if (!event.facts.image.empty()) line += ",\"image\":" + json_string(event.facts.image);
  if (event.facts.error != 0) line += fmt::format(",\"errno\":{}", event.facts.error);
  return line + "}\n";
}

std::string journal_datagram(const Event& event) {
  const std::string text = printable(event.text);
  const bool cut = text.size() > kLongestJournalText;
  std::string datagram;
  add_field(datagram, "MESSAGE", text.substr(0, kLongestJournalText) + (cut ? " ..." : ""));
  add_field(datagram, "PRIORITY", std::to_string(syslog_priority(event.level)));
  add_field(datagram, "SYSLOG_IDENTIFIER", "glancefs");
  if (event.facts.error != 0) add_field(datagram, "ERRNO", std::to_string(event.facts.error));
  if (!event.facts.request_id.empty()) {
    add_field(datagram, "GLANCEFS_REQUEST_ID", event.facts.request_id);
  }
  if (!event.facts.image.empty()) add_field(datagram, "GLANCEFS_IMAGE", event.facts.image);
  return datagram;
}

}  // namespace glancefs::log
