// The fields that every image has, in one table: how each reads as text, what it can be set to.
// Everything else in an image's record is a custom property.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "client/images.h"
#include "fs/attributes/xattrs.h"

namespace glancefs::fs {

struct ImageField {
  std::string_view key;  ///< as in Glance's JSON
  KeyKind kind;
  /// nullopt: absent or null.
  std::optional<std::string> (*text)(const client::Image& image);

  // Only for fields that can be set.

  /// nullopt: `text` is no value for this field.
  std::optional<client::Value> (*parse)(std::string_view text) = nullptr;
  /// REQUIRES a value of the type that parse() makes.
  void (*assign)(client::Image& image, const client::Value& value) = nullptr;
  std::string_view takes = {};  ///< what parse() accepts, for people
  /// What the field goes back to when it is removed; absent: it cannot be removed.
  std::optional<std::string_view> fallback = std::nullopt;
};

/// true, yes, 1; false, no, 0; in any case. nullopt: none of these.
std::optional<client::Value> parse_truth(std::string_view text);

/// In Glance's order.
std::span<const ImageField> image_fields();

/// Null: `key` is no field but a custom property.
const ImageField* find_image_field(std::string_view key);

}  // namespace glancefs::fs
