#include "fs/attributes/image_fields.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <limits>
#include <vector>

#include "client/image_json.h"
#include "fs/catalogue/names.h"

namespace glancefs::fs {
std::optional<client::Value> parse_truth(std::string_view text) {
  std::string word(text);
  std::ranges::transform(word, word.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (word == "true" || word == "yes" || word == "1") return true;
  if (word == "false" || word == "no" || word == "0") return false;
  return std::nullopt;
}

namespace {

using client::Image;
using client::Value;
using Text = std::optional<std::string>;
using Tags = std::vector<std::string>;

Text unless_empty(const std::string& text) { return text.empty() ? Text() : Text(text); }

Text number(const std::optional<std::uint64_t>& value) {
  return value ? Text(std::to_string(*value)) : Text();
}

Text truth(bool value) { return value ? "true" : "false"; }

// A draft has no times yet, and no image is as old as the epoch.
Text time(std::chrono::sys_seconds value) {
  return value == std::chrono::sys_seconds() ? Text() : client::format_time(value);
}

// The set that holds only the empty tag is written as "," (two empty tags, which are one), because
// "" is the empty set.
Text joined(const Tags& tags) {
  if (tags.empty()) return std::nullopt;
  if (tags.size() == 1 && tags[0].empty()) return ",";
  std::string text;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    if (i > 0) text += ',';
    for (const char c : tags[i]) {
      if (c == ',' || c == '\\') text += '\\';
      text += c;
    }
  }
  return text;
}

bool has_allowed_length(std::string_view text) { return check_new_name(text) != ENAMETOOLONG; }

std::optional<Value> parse_name(std::string_view text) {
  if (!has_allowed_length(text)) return std::nullopt;
  return std::string(text);
}

std::optional<Value> parse_visibility(std::string_view text) {
  if (!client::visibility_of(text)) return std::nullopt;
  return std::string(text);
}

std::optional<Value> parse_format(std::string_view text) {
  if (text.empty() || !has_allowed_length(text)) return std::nullopt;
  return std::string(text);
}

// Glance's integers are signed and have 32 bits.
std::optional<Value> parse_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = error == std::errc() && end == text.data() + text.size() &&
                    value <= std::numeric_limits<std::int32_t>::max();
  if (!good) return std::nullopt;
  return std::int64_t{value};
}

std::optional<Value> parse_tags(std::string_view text) {
  if (text.empty()) return Tags();
  Tags tags(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',') {
      tags.emplace_back();
      continue;
    }
    const bool escaped = text[i] == '\\' && i + 1 < text.size();
    tags.back() += text[escaped ? ++i : i];
  }
  if (!std::ranges::all_of(tags, has_allowed_length)) return std::nullopt;
  std::ranges::sort(tags);
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  return tags;
}

constexpr std::string_view kTakesName = "at most 255 characters";
constexpr std::string_view kTakesVisibility = "public, private, shared or community";
constexpr std::string_view kTakesFormat = "the name of a format";
constexpr std::string_view kTakesNumber = "a whole number from 0 to 2147483647";
constexpr std::string_view kTakesTruth = "true or false";
constexpr std::string_view kTakesTags = "tags of at most 255 characters, separated by commas";

constexpr std::array kFields{
    ImageField{"id", KeyKind::kReadOnly, [](const Image& image) { return unless_empty(image.id); }},
    ImageField{"name", KeyKind::kBase, [](const Image& image) { return image.name; }, parse_name,
               [](Image& image, const Value& value) { image.name = std::get<std::string>(value); },
               kTakesName},
    ImageField{"status", KeyKind::kReadOnly,
               [](const Image& image) -> Text {
                 if (!image.status_word.empty()) return image.status_word;
                 return std::string(client::to_string(image.status));
               }},
    ImageField{"visibility", KeyKind::kBase,
               [](const Image& image) { return Text(client::to_string(image.visibility)); },
               parse_visibility,
               [](Image& image, const Value& value) {
                 image.visibility =
                     client::visibility_of(std::get<std::string>(value)).value_or(image.visibility);
               },
               kTakesVisibility},
    ImageField{"owner", KeyKind::kReadOnly,
               [](const Image& image) { return unless_empty(image.owner); }},
    ImageField{
        "disk_format", KeyKind::kFormat, [](const Image& image) { return image.disk_format; },
        parse_format,
        [](Image& image, const Value& value) { image.disk_format = std::get<std::string>(value); },
        kTakesFormat},
    ImageField{"container_format", KeyKind::kFormat,
               [](const Image& image) { return image.container_format; }, parse_format,
               [](Image& image, const Value& value) {
                 image.container_format = std::get<std::string>(value);
               },
               kTakesFormat},
    ImageField{"size", KeyKind::kReadOnly, [](const Image& image) { return number(image.size); }},
    ImageField{"virtual_size", KeyKind::kReadOnly,
               [](const Image& image) { return number(image.virtual_size); }},
    ImageField{"checksum", KeyKind::kReadOnly,
               [](const Image& image) { return unless_empty(image.checksum); }},
    ImageField{"os_hash_algo", KeyKind::kReadOnly,
               [](const Image& image) { return unless_empty(image.hash_algorithm); }},
    ImageField{"os_hash_value", KeyKind::kReadOnly,
               [](const Image& image) { return unless_empty(image.hash); }},
    ImageField{"min_disk", KeyKind::kBase,
               [](const Image& image) { return number(image.min_disk); }, parse_number,
               [](Image& image, const Value& value) {
                 image.min_disk = static_cast<std::uint64_t>(std::get<std::int64_t>(value));
               },
               kTakesNumber, "0"},
    ImageField{"min_ram", KeyKind::kBase, [](const Image& image) { return number(image.min_ram); },
               parse_number,
               [](Image& image, const Value& value) {
                 image.min_ram = static_cast<std::uint64_t>(std::get<std::int64_t>(value));
               },
               kTakesNumber, "0"},
    ImageField{"protected", KeyKind::kBase,
               [](const Image& image) { return truth(image.is_protected); }, parse_truth,
               [](Image& image, const Value& value) { image.is_protected = std::get<bool>(value); },
               kTakesTruth, "false"},
    ImageField{"os_hidden", KeyKind::kBase, [](const Image& image) { return truth(image.hidden); },
               parse_truth,
               [](Image& image, const Value& value) { image.hidden = std::get<bool>(value); },
               kTakesTruth, "false"},
    ImageField{"tags", KeyKind::kTags, [](const Image& image) { return joined(image.tags); },
               parse_tags,
               [](Image& image, const Value& value) { image.tags = std::get<Tags>(value); },
               kTakesTags, ""},
    ImageField{"created_at", KeyKind::kReadOnly,
               [](const Image& image) { return time(image.created); }},
    ImageField{"updated_at", KeyKind::kReadOnly,
               [](const Image& image) { return time(image.updated); }},
};

}  // namespace

std::span<const ImageField> image_fields() { return kFields; }

const ImageField* find_image_field(std::string_view key) {
  const auto* const found = std::ranges::find(kFields, key, &ImageField::key);
  return found == kFields.end() ? nullptr : found;
}

}  // namespace glancefs::fs
