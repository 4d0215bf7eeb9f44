// An image as compact bytes, for the catalogue that is kept on disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "client/images.h"

namespace glancefs::fs {

/// Everything but the id, beginning with the version of the format: some 300 bytes for an image
/// with a hash and three properties.
std::string encode_image(const client::Image& image);

/// The image; nullopt for any bytes that encode_image() of this version cannot have written, and
/// for what is no UUID.
std::optional<client::Image> decode_image(std::string_view id, std::string_view blob);

}  // namespace glancefs::fs
