#include "tests/model/file_names.h"

#include <fmt/format.h>

#include <cctype>

namespace glancefs::model {
namespace {

bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

bool is_low_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool escapes_at(const std::string& text, std::size_t at) {
  return at + 2 < text.size() && text[at] == '%' && is_hex(text[at + 1]) && is_hex(text[at + 2]);
}

std::string code(char c) { return fmt::format("%{:02X}", static_cast<unsigned char>(c)); }

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

}  // namespace

bool is_id(const std::string& text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !is_low_hex(text[i])) return false;
  }
  return true;
}

std::string alias_digits(const std::string& file_name) {
  const std::size_t tilde = file_name.rfind('~');
  if (tilde == std::string::npos) return "";
  std::string digits = file_name.substr(tilde + 1);
  if (is_id(digits)) return digits;
  if (digits.size() != 8) return "";
  for (const char c : digits) {
    if (!is_low_hex(c)) return "";
  }
  return digits;
}

std::string escaped(const std::string& image_name) {
  if (image_name == ".") return "%2E";
  if (image_name == "..") return "%2E%2E";
  std::size_t reserved = std::string::npos;
  if (image_name == ".glancefs" || image_name == ".pending" || is_id(image_name)) reserved = 0;
  if (!alias_digits(image_name).empty()) reserved = image_name.rfind('~');
  std::string out;
  for (std::size_t i = 0; i < image_name.size(); ++i) {
    const char c = image_name[i];
    const bool odd = c == '/' || c == '\0' || i == reserved || escapes_at(image_name, i);
    out += odd ? code(c) : std::string(1, c);
  }
  return out;
}

std::string unescaped(const std::string& file_name) {
  std::string out;
  for (std::size_t i = 0; i < file_name.size(); ++i) {
    if (!escapes_at(file_name, i)) {
      out += file_name[i];
      continue;
    }
    out += static_cast<char>(std::stoi(file_name.substr(i + 1, 2), nullptr, 16));
    i += 2;
  }
  return out;
}

std::string alias(const std::string& key, const std::string& digits) {
  const std::size_t room = kLongest - 1 - digits.size();
  if (key.size() <= room) return key + "~" + digits;
  std::string stem = key;
  std::string extension;
  const std::size_t dot = key.rfind('.');
  if (dot != std::string::npos && dot > 0 && dot + 1 < key.size() && key.size() - dot <= 16) {
    extension = key.substr(dot);
    stem = key.substr(0, dot);
  }
  std::size_t end = room - extension.size();
  while (end > 0 && is_continuation(stem[end])) --end;
  // Neither may one of the %XX be cut in two.
  if (end >= 1 && escapes_at(stem, end - 1)) {
    end -= 1;
  } else if (end >= 2 && escapes_at(stem, end - 2)) {
    end -= 2;
  }
  return stem.substr(0, end) + extension + "~" + digits;
}

bool is_temporary(const std::optional<std::string>& image_name) {
  return escaped(image_name.value_or("")).starts_with('.');
}

bool is_plain_text(const std::string& text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t bytes = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : 3;
    if (bytes == 0 || first >= 0xF0 || i + bytes > text.size()) return false;
    for (std::size_t k = 1; k < bytes; ++k) {
      if (!is_continuation(text[i + k])) return false;
    }
    const auto second = bytes > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (first == 0xE0 && second < 0xA0) return false;   // too long for what it says
    if (first == 0xED && second >= 0xA0) return false;  // half of a pair of UTF-16
    i += bytes;
  }
  return true;
}

std::size_t length(const std::string& text) {
  std::size_t characters = 0;
  for (const char c : text) {
    if (!is_continuation(c)) ++characters;
  }
  return characters;
}

}  // namespace glancefs::model
