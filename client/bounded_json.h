// JSON from strangers: parsed within bounds.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace glancefs::client {

/// The document in `text`, or nullopt when it is not JSON, is nested deeper than 32 levels, or
/// holds more than two million values: a page of 1,000 images with 128 properties and tags each has
/// a tenth of that, and a value costs up to fifty times its bytes. Within these bounds copying,
/// comparing and dumping, which nlohmann::json does by recursion, are safe.
std::optional<nlohmann::json> parse_bounded(std::string_view text);

/// The text at `key` of `object`; nullopt when `object` is no object, or has no text there.
std::optional<std::string> text_at(const nlohmann::json& object, std::string_view key);

/// The member `key` of `object`; a null value when there is none.
const nlohmann::json& member(const nlohmann::json& object, std::string_view key);

/// `document` as Glance is to get it. Throws system_error(EILSEQ) when a text in it is not UTF-8.
std::string written(const nlohmann::json& document);

/// `value` on one line. Never throws for its content: bytes that are not UTF-8 are replaced.
std::string to_text(const nlohmann::json& value);

}  // namespace glancefs::client
