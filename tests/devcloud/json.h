// The JSON type, and looking into bodies that may hold anything.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace glancefs::devcloud {

using Json = nlohmann::json;

/// The member `key` of `value`, or null when there is none or `value` is no object.
inline const Json& member(const Json& value, std::string_view key) {
  static const Json none;
  if (!value.is_object()) return none;
  const auto found = value.find(key);
  return found == value.end() ? none : *found;
}

/// The member as a string, or `otherwise` when it is none.
inline std::string text(const Json& value, std::string_view key, std::string otherwise = {}) {
  const Json& found = member(value, key);
  return found.is_string() ? found.get<std::string>() : otherwise;
}

}  // namespace glancefs::devcloud
