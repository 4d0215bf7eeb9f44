// The JSON type, and looking into bodies that may hold anything.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tests/devcloud/message.h"

namespace glancefs::devcloud {

using Json = nlohmann::json;

/// As Python writes it, a blank after every comma and colon: what people grep for.
inline std::string python_dump(const Json& value) {
  const std::string compact = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string out;
  bool quoted = false;
  bool escaped = false;
  for (const char c : compact) {
    out += c;
    if (escaped) {
      escaped = false;
      continue;
    }
    escaped = quoted && c == '\\';
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == ',' || c == ':')) out += ' ';
  }
  return out;
}

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

/// `status` with a JSON body.
inline Response json_response(const Json& body, int status = 200) {
  Response response;
  response.status = status;
  response.set("Content-Type", "application/json");
  response.body = python_dump(body);
  return response;
}

}  // namespace glancefs::devcloud
