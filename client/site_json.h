// What Glance says of itself: the schema of images, the versions of its API.
#pragma once

#include <optional>
#include <string_view>

#include "client/images.h"

namespace glancefs::client {

/// The formats in the schema of images; without api_minor. nullopt when `text` is not JSON of that
/// shape. Words that no format is called (empty, longer than 64 bytes, not printable ASCII) are
/// left out, and so is everything after the first hundred.
std::optional<Site> parse_schema(std::string_view text);

/// N of the version "v2.N" that is CURRENT; nullopt when there is none.
std::optional<unsigned> parse_versions(std::string_view text);

}  // namespace glancefs::client
