#include "fs/doctor/scrubber.h"

#include <fmt/format.h>

#include <cctype>
#include <regex>
#include <sstream>

namespace glancefs::fs {
namespace {

constexpr std::size_t kLongestLine = 4096;
constexpr std::size_t kShort = 6;
constexpr const char* kHidden = "***";

using std::regex_constants::icase;
using std::regex_constants::optimize;

bool is_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || c == '_' || byte >= 0x80;
}

// Whether text[at, at+size) is no part of a longer word.
bool stands_alone(const std::string& text, std::size_t at, std::size_t size) {
  const std::size_t end = at + size;
  const bool begins = at == 0 || !is_word(text[at - 1]) || !is_word(text[at]);
  const bool ends = end == text.size() || !is_word(text[end]) || !is_word(text[end - 1]);
  return begins && ends;
}

void replace_all(std::string& text, const std::string& what, bool alone) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    if (alone && !stands_alone(text, at, what.size())) {
      ++at;
      continue;
    }
    text.replace(at, what.size(), kHidden);
    at += std::string_view(kHidden).size();
  }
}

std::string without_secret_patterns(const std::string& line) {
  static const std::regex header(
      R"(((x-auth-token|x-subject-token|x-service-token|authorization|openstack-auth-receipt)["']?\s*[:=]\s*["']?)((basic|bearer) )?[^\s"',]+)",
      icase | optimize);
  static const std::regex setting(
      R"((\b[a-z0-9_.-]*(password|passwd|passcode|secret|token|private_key)["']?\s*[:=]\s*["']?)[^\s"',&]+)",
      icase | optimize);
  static const std::regex fernet(R"(gAAAA[A-Za-z0-9_=-]{20,})", optimize);
  static const std::regex signed_token(R"(eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)",
                                       optimize);
  static const std::regex user(R"((\b[a-z][a-z0-9+.-]*://)[^/\s@"']+@)", icase | optimize);
  static const std::regex query(R"((\bhttps?://[^\s?"']*\?)[^\s"']+)", icase | optimize);
  std::string text = std::regex_replace(line, header, "$1***");
  text = std::regex_replace(text, setting, "$1***");
  text = std::regex_replace(text, fernet, kHidden);
  text = std::regex_replace(text, signed_token, kHidden);
  text = std::regex_replace(text, user, "$1");
  return std::regex_replace(text, query, "$1***");
}

}  // namespace

void Scrubber::hide(std::string_view secret) {
  if (secret.empty()) return;
  (secret.size() < kShort ? short_secrets_ : secrets_).emplace(secret);
}

void Scrubber::rename(std::string_view kind, std::string_view name) {
  if (name.empty() || names_.contains(std::string(name))) return;
  int& count = counts_[std::string(kind)];
  names_.emplace(name, fmt::format("{}-{}", kind, ++count));
  lengths_.insert(name.size());
}

void Scrubber::rename_hosts_in(std::string_view text) {
  static const std::regex address(R"(\bhttps?://(?:[^/\s@"']+@)?(\[[0-9a-f:.]+\]|[^\s/:?"'\])]+))",
                                  icase | optimize);
  static const std::regex numeric(
      R"(\b\d{1,3}(?:\.\d{1,3}){3}\b|(?:[0-9a-f]{0,4}:){4,7}[0-9a-f]{0,4})", icase | optimize);
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    line = line.substr(0, kLongestLine);
    for (const auto& [pattern, part] : {std::pair(&address, 1), std::pair(&numeric, 0)}) {
      for (std::sregex_iterator each(line.begin(), line.end(), *pattern), end; each != end;
           ++each) {
        std::string host = (*each)[static_cast<std::size_t>(part)];
        if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
        const bool own = host.starts_with("127.") || host == "::1" || host == "localhost";
        if (!own) rename("host", host);
      }
    }
  }
}

std::string Scrubber::renamed(const std::string& line) const {
  std::string result;
  std::size_t at = 0;
  while (at < line.size()) {
    bool found = false;
    for (const std::size_t length : lengths_) {
      if (at + length > line.size() || !stands_alone(line, at, length)) continue;
      const auto name = names_.find(line.substr(at, length));
      if (name == names_.end()) continue;
      result += name->second;
      at += length;
      found = true;
      break;
    }
    if (!found) result += line[at++];
  }
  return result;
}

std::string Scrubber::clean_line(std::string line) const {
  if (line.size() > kLongestLine) {
    line.resize(kLongestLine);
    line += " ...";
  }
  for (const std::string& secret : secrets_) replace_all(line, secret, false);
  for (const std::string& secret : short_secrets_) replace_all(line, secret, true);
  line = without_secret_patterns(line);
  return names_.empty() ? line : renamed(line);
}

std::string Scrubber::clean(std::string_view text) const {
  std::string result;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    result += clean_line(std::string(text.substr(0, end)));
    if (end == std::string_view::npos) break;
    result += '\n';
    text.remove_prefix(end + 1);
  }
  return result;
}

}  // namespace glancefs::fs
