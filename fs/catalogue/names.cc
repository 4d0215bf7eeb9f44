#include "fs/catalogue/names.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "client/images.h"

// Why unescape_name(escape_name(x)) == x. escape_name() writes each byte of x either as itself or
// as
// '%' and two hex digits, so it is enough that a '%' written as itself is never followed by two hex
// digits in the output. In x it is not, or it would have become %25; and what follows it is
// replaced by nothing but another '%', which is no hex digit (the one digit that may be replaced,
// the first character of a UUID, has no '%' before it). This holds whichever rules meet in one
// name.
//
// Why no output is an alias, a UUID or a reserved name: each of those contains no '%', so an output
// that is one has no escapes and equals x; and x was escaped for being one.

namespace glancefs::fs {
namespace {

constexpr std::size_t kIdDigits = 8;
constexpr std::size_t kNameCharacters = 255;  // Glance's limit
constexpr std::size_t kEscapeLength = 3;
// Longer endings are not extensions but sentences with a dot.
constexpr std::size_t kExtensionMax = 16;
constexpr std::array<std::string_view, 2> kReserved{".glancefs", ".pending"};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_id_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// Whether a '%' and two hex digits are at `i`.
bool is_escape(std::string_view text, std::size_t i) {
  return i + 2 < text.size() && text[i] == '%' && hex_value(text[i + 1]) >= 0 &&
         hex_value(text[i + 2]) >= 0;
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

void append_escaped(std::string& out, char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kDigits[byte >> 4U];
  out += kDigits[byte & 0x0FU];
}

// The byte that must be escaped because of what the whole name is; npos: none.
std::size_t reserved_byte(std::string_view name) {
  const bool directory = std::ranges::find(kReserved, name) != kReserved.end();
  if (directory || client::is_uuid(name)) return 0;
  if (const auto id = alias_id(name)) return name.size() - id->size() - 1;
  return std::string_view::npos;
}

// Where the extension begins; text.size() when there is none worth keeping.
std::size_t extension_start(std::string_view text) {
  const std::size_t dot = text.rfind('.');
  const bool found = dot != std::string_view::npos && dot > 0 && text.size() - dot > 1 &&
                     text.size() - dot <= kExtensionMax;
  return found ? dot : text.size();
}

// The longest beginning of `text` within `most` bytes that cuts neither a character nor an escape.
std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most;
  while (end > 0 && is_continuation(text[end])) --end;
  for (std::size_t back = 1; back < kEscapeLength && back <= end; ++back) {
    if (is_escape(text, end - back)) return text.substr(0, end - back);
  }
  return text.substr(0, end);
}

std::string with_suffix(std::string_view escaped, std::string_view id) {
  const std::size_t most = kNameMax - 1 - id.size();
  std::string name;
  if (escaped.size() <= most) {
    name = escaped;
  } else {
    const std::string_view extension = escaped.substr(extension_start(escaped));
    const std::string_view stem = escaped.substr(0, escaped.size() - extension.size());
    name = cut(stem, most - extension.size());
    name += extension;
  }
  name += '~';
  name += id;
  return name;
}

// The number of bytes of a character that begins with `first`; 0: none does.
std::size_t length_from(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

// Whether a second byte, known to be a continuation, makes an overlong form, a surrogate, or
// something beyond Unicode.
bool is_excluded(unsigned char first, unsigned char second) {
  switch (first) {
    case 0xE0:
      return second < 0xA0;
    case 0xED:
      return second >= 0xA0;
    case 0xF0:
      return second < 0x90;
    case 0xF4:
      return second >= 0x90;
    default:
      return false;
  }
}

// The number of bytes of the well-formed character at the start of `text`, which is not empty; 0:
// there is none.
std::size_t character_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t length = length_from(first);
  if (length <= 1) return length;
  if (text.size() < length) return 0;
  if (!std::ranges::all_of(text.substr(1, length - 1), is_continuation)) return 0;
  return is_excluded(first, static_cast<unsigned char>(text[1])) ? 0 : length;
}

}  // namespace

std::string escape_name(std::string_view name) {
  if (name == ".") return "%2E";
  if (name == "..") return "%2E%2E";
  const std::size_t reserved = reserved_byte(name);
  std::string out;
  out.reserve(name.size());
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '/' || c == '\0' || i == reserved || is_escape(name, i)) {
      append_escaped(out, c);
    } else {
      out += c;
    }
  }
  return out;
}

std::string unescape_name(std::string_view file_name) {
  std::string out;
  out.reserve(file_name.size());
  for (std::size_t i = 0; i < file_name.size(); ++i) {
    if (is_escape(file_name, i)) {
      out += static_cast<char>(hex_value(file_name[i + 1]) * 16 + hex_value(file_name[i + 2]));
      i += kEscapeLength - 1;
    } else {
      out += file_name[i];
    }
  }
  return out;
}

std::string alias_name(std::string_view escaped, std::string_view id) {
  return with_suffix(escaped, id.substr(0, kIdDigits));
}

std::string long_alias_name(std::string_view escaped, std::string_view id) {
  return with_suffix(escaped, id);
}

std::optional<std::string> alias_id(std::string_view file_name) {
  const std::size_t tilde = file_name.rfind('~');
  if (tilde == std::string_view::npos) return std::nullopt;
  const std::string_view id = file_name.substr(tilde + 1);
  const bool is_short = id.size() == kIdDigits && std::ranges::all_of(id, is_id_digit);
  if (!is_short && !client::is_uuid(id)) return std::nullopt;
  return std::string(id);
}

int check_new_name(std::string_view name) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < name.size(); ++characters) {
    const std::size_t length = character_length(name.substr(i));
    if (length == 0 || length > 3) return EILSEQ;
    i += length;
  }
  return characters > kNameCharacters ? ENAMETOOLONG : 0;
}

bool valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = character_length(text.substr(i));
    if (length == 0) return false;
    i += length;
  }
  return true;
}

}  // namespace glancefs::fs
