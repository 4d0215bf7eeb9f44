#include "fs/catalogue/image_blob.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>

#include "fs/read/blob.h"

namespace glancefs::fs {
namespace {

// Any change of the format or of what a field means is a new version: older rows are then dropped.
constexpr std::uint64_t kVersion = 1;

constexpr std::uint64_t kHasName = 1U << 0U;
constexpr std::uint64_t kHasDiskFormat = 1U << 1U;
constexpr std::uint64_t kHasContainerFormat = 1U << 2U;
constexpr std::uint64_t kHasSize = 1U << 3U;
constexpr std::uint64_t kHasVirtualSize = 1U << 4U;
constexpr std::uint64_t kProtected = 1U << 5U;
constexpr std::uint64_t kHidden = 1U << 6U;
constexpr std::uint64_t kAllFlags = (1U << 7U) - 1;

// Beyond these years nothing can write a time down.
constexpr std::int64_t kFirstSecond = -62'135'596'800;  // 0001-01-01
constexpr std::int64_t kLastSecond = 253'402'300'799;   // 9999-12-31
constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();

std::uint64_t flags_of(const client::Image& image) {
  return (image.name ? kHasName : 0) | (image.disk_format ? kHasDiskFormat : 0) |
         (image.container_format ? kHasContainerFormat : 0) | (image.size ? kHasSize : 0) |
         (image.virtual_size ? kHasVirtualSize : 0) | (image.is_protected ? kProtected : 0) |
         (image.hidden ? kHidden : 0);
}

void put_time(BlobWriter& blob, std::chrono::sys_seconds time) {
  const std::int64_t second =
      std::clamp<std::int64_t>(time.time_since_epoch().count(), kFirstSecond, kLastSecond);
  blob.number(static_cast<std::uint64_t>(second - kFirstSecond));
}

std::chrono::sys_seconds take_time(BlobReader& blob) {
  const std::uint64_t since = blob.number();
  if (since > static_cast<std::uint64_t>(kLastSecond - kFirstSecond)) blob.fail();
  if (!blob.good()) return {};
  return std::chrono::sys_seconds(
      std::chrono::seconds(static_cast<std::int64_t>(since) + kFirstSecond));
}

std::uint64_t take_amount(BlobReader& blob) {
  const std::uint64_t amount = blob.number();
  if (amount > kLargest) blob.fail();
  return blob.good() ? amount : 0;
}

// How many things follow, each of which takes a byte at least.
std::size_t take_count(BlobReader& blob) {
  const std::uint64_t count = blob.number();
  if (count > blob.left()) blob.fail();
  return blob.good() ? count : 0;
}

std::vector<std::string> take_tags(BlobReader& blob) {
  std::vector<std::string> tags(take_count(blob));
  for (std::string& tag : tags) tag = blob.text();
  if (!std::ranges::is_sorted(tags)) blob.fail();
  return tags;
}

client::Properties take_properties(BlobReader& blob) {
  client::Properties properties(take_count(blob));
  for (auto& [key, value] : properties) {
    key = blob.text();
    value = blob.text();
  }
  // One value for a key: less or equal to the one before would be a second one.
  const auto keys_rise = [](const auto& a, const auto& b) { return a.first >= b.first; };
  if (std::ranges::adjacent_find(properties, keys_rise) != properties.end()) blob.fail();
  return properties;
}

}  // namespace

std::string encode_image(const client::Image& image) {
  BlobWriter blob;
  blob.number(kVersion);
  blob.number(flags_of(image));
  blob.text(client::to_string(image.visibility));
  blob.text(image.status_word);
  blob.text(image.owner);
  for (const auto* text : {&image.name, &image.disk_format, &image.container_format}) {
    if (*text) blob.text(**text);
  }
  for (const auto* amount : {&image.size, &image.virtual_size}) {
    if (*amount) blob.number(**amount);
  }
  blob.text(image.checksum);
  blob.text(image.hash_algorithm);
  blob.text(image.hash);
  blob.number(image.min_disk);
  blob.number(image.min_ram);
  put_time(blob, image.created);
  put_time(blob, image.updated);
  blob.number(image.tags.size());
  for (const std::string& tag : image.tags) blob.text(tag);
  blob.number(image.properties.size());
  for (const auto& [key, value] : image.properties) {
    blob.text(key);
    blob.text(value);
  }
  return blob.take();
}

std::optional<client::Image> decode_image(std::string_view id, std::string_view bytes) {
  BlobReader blob(bytes);
  if (!client::is_uuid(id) || blob.number() != kVersion) return std::nullopt;
  const std::uint64_t flags = blob.number();
  const auto visibility = client::visibility_of(blob.text());
  if (flags > kAllFlags || !visibility) return std::nullopt;
  client::Image image;
  image.id = id;
  image.visibility = *visibility;
  image.is_protected = (flags & kProtected) != 0;
  image.hidden = (flags & kHidden) != 0;
  image.status_word = blob.text();
  image.status = client::status_of(image.status_word);
  image.owner = blob.text();
  if ((flags & kHasName) != 0) image.name = blob.text();
  if ((flags & kHasDiskFormat) != 0) image.disk_format = blob.text();
  if ((flags & kHasContainerFormat) != 0) image.container_format = blob.text();
  if ((flags & kHasSize) != 0) image.size = take_amount(blob);
  if ((flags & kHasVirtualSize) != 0) image.virtual_size = take_amount(blob);
  image.checksum = blob.text();
  image.hash_algorithm = blob.text();
  image.hash = blob.text();
  image.min_disk = take_amount(blob);
  image.min_ram = take_amount(blob);
  image.created = take_time(blob);
  image.updated = take_time(blob);
  image.tags = take_tags(blob);
  image.properties = take_properties(blob);
  return blob.done() ? std::optional(std::move(image)) : std::nullopt;
}

}  // namespace glancefs::fs
