// What user.glance.* says of an image and takes for one, once more and on its own.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "tests/devcloud/catalogue.h"

namespace glancefs::model {

using devcloud::Image;
/// Keys without prefix, and their texts.
using Texts = std::map<std::string, std::string>;

/// Everything that is not null.
Texts all_fields(const Image& image);
/// Those that a copy of a file not yet at Glance would have to carry.
Texts settable_fields(const Image& image);

/// Sets one field of `image`. 0; -1: it has that value, nothing is to be done; else the errno.
int set_field(Image& image, const std::string& key, const std::string& text);
/// Removes one. 0 or the errno.
int remove_field(Image& image, const std::string& key);

/// Whether the site's schema lists `word` for that key.
bool is_known_format(const std::string& key, const std::string& word);

/// 0 until there is data to read.
std::uint64_t readable_size(const Image& image);

}  // namespace glancefs::model
