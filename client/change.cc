#include "client/change.h"

#include <algorithm>
#include <array>

namespace glancefs::client {
namespace {

// Tried against Glance 25 and its master of July 2026.
constexpr std::array<std::string_view, 13> kCollisions{
    "__class__", "base",       "context",    "delete", "extra_properties", "get_data", "image_id",
    "member",    "deactivate", "reactivate", "repo",   "set_data",         "stores"};

using Tags = std::vector<std::string>;

std::optional<Value> number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::optional<Value> text(const std::optional<std::string>& value) {
  if (!value) return std::nullopt;
  return *value;
}

// The present value of `key`, in the type that setting it takes.
std::optional<Value> value_of(const Image& image, std::string_view key) {
  if (key == "name") return text(image.name);
  if (key == "visibility") return std::string(to_string(image.visibility));
  if (key == "protected") return image.is_protected;
  if (key == "os_hidden") return image.hidden;
  if (key == "min_disk") return number(image.min_disk);
  if (key == "min_ram") return number(image.min_ram);
  if (key == "tags") return image.tags;
  if (key == "owner") return image.owner.empty() ? std::nullopt : text(image.owner);
  if (key == "disk_format") return text(image.disk_format);
  if (key == "container_format") return text(image.container_format);
  const std::string* property = find_property(image.properties, key);
  if (property == nullptr) return std::nullopt;
  return *property;
}

Tags as_set(Tags tags) {
  std::ranges::sort(tags);
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  return tags;
}

}  // namespace

bool collides_with_glance(std::string_view key) noexcept {
  return std::ranges::find(kCollisions, key) != kCollisions.end();
}

bool shows(const Image& image, const Change& change) {
  std::optional<Value> value = value_of(image, change.key);
  if (!value || !change.value) return value.has_value() == change.value.has_value();
  const Tags* wanted = std::get_if<Tags>(&*change.value);
  const Tags* found = std::get_if<Tags>(&*value);
  if (wanted != nullptr && found != nullptr) return as_set(*wanted) == as_set(*found);
  return *value == *change.value;
}

}  // namespace glancefs::client
