// The image schema: what values attributes may have, and setting them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <regex>
#include <string_view>

#include "tests/devcloud/glance.h"

namespace glancefs::devcloud {
namespace {

constexpr std::int64_t kMaxInteger = 2147483647;
constexpr std::size_t kMaxLength = 255;

[[noreturn]] void bad(const Json& value, const std::string& why) {
  throw Problem(400, fmt::format("Provided object does not match schema 'image': {} {}",
                                 value.dump(-1, ' ', false, Json::error_handler_t::replace), why));
}

// MySQL's three-byte utf8 is why: nothing beyond the basic plane.
void refuse_four_bytes(std::string_view text, std::string_view what) {
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) >= 0xf0; }))
    throw Problem(400, fmt::format("{} can't contain 4 byte unicode characters.", what));
}

void check_string(const Json& value, bool null_allowed, std::size_t limit) {
  if (value.is_null() && null_allowed) return;
  if (!value.is_string()) bad(value, "is not of type 'string'");
  if (utf8_length(value.get<std::string>()) > limit) bad(value, "is too long");
}

void check_enum(const Json& value, const std::vector<std::string>& allowed, bool null_allowed) {
  if (value.is_null() && null_allowed) return;
  if (!value.is_string() ||
      std::find(allowed.begin(), allowed.end(), value.get<std::string>()) == allowed.end())
    bad(value, "is not one of the allowed values");
}

void check_integer(const Json& value) {
  // 1.0 is an integer to JSON schema.
  if (value.is_number_float() && value.get<double>() == std::floor(value.get<double>()) &&
      std::abs(value.get<double>()) < 1e15)
    return check_integer(Json(value.get<std::int64_t>()));
  if (!value.is_number_integer()) bad(value, "is not of type 'integer'");
  const bool fits = value.is_number_unsigned()
                        ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(kMaxInteger)
                        : value.get<std::int64_t>() >= 0;
  if (!fits)
    throw Problem(400, fmt::format("Value {} is out of range 0 to {}", value.dump(), kMaxInteger));
}

void check_tags(const Json& value) {
  if (!value.is_array()) bad(value, "is not of type 'array'");
  for (const Json& tag : value) {
    check_string(tag, false, kMaxLength);
    refuse_four_bytes(tag.get<std::string>(), "tag");
  }
}

bool check_base(const Config& config, const std::string& key, const Json& value) {
  static const std::vector<std::string> visibilities{"community", "public", "private", "shared"};
  if (key == "name" || key == "owner")
    check_string(value, true, kMaxLength);
  else if (key == "visibility")
    check_enum(value, visibilities, false);
  else if (key == "disk_format")
    check_enum(value, config.disk_formats, true);
  else if (key == "container_format")
    check_enum(value, config.container_formats, true);
  else if (key == "min_disk" || key == "min_ram")
    check_integer(value);
  else if (key == "tags")
    check_tags(value);
  else if (key == "protected" || key == "os_hidden") {
    if (!value.is_boolean()) bad(value, "is not of type 'boolean'");
  } else {
    return false;
  }
  return true;
}

void check_uuid(const Json& value, bool null_allowed) {
  static const std::regex uuid(
      "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-"
      "[0-9a-fA-F]{12}$");
  check_string(value, null_allowed, std::string::npos);
  if (value.is_string() && !std::regex_match(value.get<std::string>(), uuid))
    bad(value, "does not match the pattern of a UUID");
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

void check_attribute(const Config& config, const std::string& key, const Json& value) {
  refuse_four_bytes(key, "Property names");
  if (value.is_string()) refuse_four_bytes(value.get<std::string>(), key);
  if (key == "id")
    check_uuid(value, false);
  else if (key == "kernel_id" || key == "ramdisk_id")
    check_uuid(value, true);
  else if (!check_base(config, key, value))
    check_string(value, key.starts_with("os_hash_"), std::string::npos);
}

bool set_attribute(Image& image, const std::string& key, const Json& value) {
  const auto optional_text = [&value]() -> std::optional<std::string> {
    if (value.is_null()) return std::nullopt;
    return value.get<std::string>();
  };
  if (key == "name")
    image.name = optional_text();
  else if (key == "owner")
    image.owner = optional_text();
  else if (key == "visibility")
    image.visibility = value.get<std::string>();
  else if (key == "disk_format")
    image.disk_format = optional_text();
  else if (key == "container_format")
    image.container_format = optional_text();
  else if (key == "min_disk")
    image.min_disk = value.get<std::int64_t>();
  else if (key == "min_ram")
    image.min_ram = value.get<std::int64_t>();
  else if (key == "protected")
    image.is_protected = value.get<bool>();
  else if (key == "os_hidden")
    image.hidden = value.get<bool>();
  else if (key == "tags")
    image.tags = value.get<std::set<std::string>>();
  else
    return false;
  return true;
}

}  // namespace glancefs::devcloud
