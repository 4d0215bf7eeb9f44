#include "fs/write/source_url.h"

#include <strings.h>

#include <algorithm>

#include "base/fd.h"

namespace glancefs::fs {
namespace {

constexpr std::string_view kMark = "://";
// What ends a URL within a text.
constexpr std::string_view kAfter = " \t\r\n\"'<>";

bool is_scheme(std::string_view word, std::string_view scheme) {
  return word.size() == scheme.size() &&
         ::strncasecmp(word.data(), scheme.data(), scheme.size()) == 0;
}

// Bytes that no URL holds unencoded, and the one that some readers take for a slash.
bool is_foreign(char c) {
  return c <= ' ' || c > '~' || c == '"' || c == '<' || c == '>' || c == '\\';
}

/// What follows "://": host and port, and what comes after them.
struct Address {
  std::string_view authority, rest;
};

Address address_of(std::string_view after_mark) {
  const std::size_t end = std::min(after_mark.find_first_of("/?#"), after_mark.size());
  return {.authority = after_mark.substr(0, end), .rest = after_mark.substr(end)};
}

}  // namespace

void check_source_url(std::string_view url) {
  const std::size_t mark = url.find(kMark);
  const std::string_view scheme = url.substr(0, std::min(mark, url.size()));
  if (mark == std::string_view::npos ||
      !(is_scheme(scheme, "http") || is_scheme(scheme, "https"))) {
    throw_errno(EINVAL,
                "a symbolic link must lead to an http:// or https:// address, which Glance then "
                "fetches: it keeps no others");
  }
  if (std::ranges::any_of(url, is_foreign)) {
    throw_errno(EINVAL, "the address holds characters that must be written as %XX");
  }
  const Address address = address_of(url.substr(mark + kMark.size()));
  if (address.authority.find('@') != std::string_view::npos) {
    throw_errno(EINVAL,
                "the address holds a user name or a password, which Glance would write into its "
                "log and show in the image's tasks");
  }
  if (address.authority.empty() || address.authority.starts_with(':')) {
    throw_errno(EINVAL, "the address names no host");
  }
}

std::string_view file_name_of(std::string_view url) {
  const std::size_t mark = url.find(kMark);
  if (mark == std::string_view::npos) return {};
  const std::string_view rest = address_of(url.substr(mark + kMark.size())).rest;
  const std::string_view path = rest.substr(0, rest.find_first_of("?#"));
  return path.substr(std::min(path.rfind('/') + 1, path.size()));
}

std::string without_secrets(std::string_view text) {
  std::string result;
  while (true) {
    const std::size_t mark = text.find(kMark);
    if (mark == std::string_view::npos) return result.append(text);
    result.append(text.substr(0, mark + kMark.size()));
    text.remove_prefix(mark + kMark.size());
    const std::string_view url = text.substr(0, text.find_first_of(kAfter));
    text.remove_prefix(url.size());
    const auto [authority, rest] = address_of(url);
    const std::size_t at = authority.rfind('@');
    result.append(authority.substr(at == std::string_view::npos ? 0 : at + 1));
    const std::size_t secret = rest.find_first_of("?#");
    result.append(rest.substr(0, secret));
    if (secret != std::string_view::npos) result.append("?...");
  }
}

}  // namespace glancefs::fs
