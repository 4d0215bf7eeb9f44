#include "client/site_json.h"

#include <algorithm>
#include <charconv>

#include "client/bounded_json.h"

namespace glancefs::client {
namespace {

using nlohmann::json;

constexpr std::size_t kMostFormats = 100;
constexpr std::size_t kLongestFormat = 64;

bool is_format(std::string_view word) {
  return !word.empty() && word.size() <= kLongestFormat &&
         std::ranges::all_of(word, [](char c) { return c > ' ' && c <= '~'; });
}

// A null among them says that the field may be absent.
std::vector<std::string> formats(const json& properties, std::string_view key) {
  std::vector<std::string> found;
  const json& words = member(member(properties, key), "enum");
  if (!words.is_array()) return found;
  for (const json& word : words) {
    if (!word.is_string() || !is_format(word.get_ref<const std::string&>())) continue;
    if (found.size() < kMostFormats) found.push_back(word.get<std::string>());
  }
  return found;
}

std::optional<unsigned> minor_of(std::string_view id) {
  constexpr std::string_view kMajor = "v2.";
  if (!id.starts_with(kMajor)) return std::nullopt;
  id.remove_prefix(kMajor.size());
  unsigned minor = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), minor);
  if (error != std::errc() || end != id.data() + id.size()) return std::nullopt;
  return minor;
}

}  // namespace

std::optional<Site> parse_schema(std::string_view text) {
  const auto schema = parse_bounded(text);
  if (!schema) return std::nullopt;
  const json& properties = member(*schema, "properties");
  if (!properties.is_object()) return std::nullopt;
  return Site{.disk_formats = formats(properties, "disk_format"),
              .container_formats = formats(properties, "container_format"),
              .api_minor = std::nullopt};
}

std::optional<unsigned> parse_versions(std::string_view text) {
  const auto document = parse_bounded(text);
  if (!document) return std::nullopt;
  const json& versions = member(*document, "versions");
  if (!versions.is_array()) return std::nullopt;
  // The current one is not always the first, nor the one with the highest number.
  for (const json& version : versions) {
    if (text_at(version, "status") == "CURRENT") {
      return minor_of(text_at(version, "id").value_or(std::string()));
    }
  }
  return std::nullopt;
}

}  // namespace glancefs::client
