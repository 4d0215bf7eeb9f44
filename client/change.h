// What a change of an image's record means for the record that comes back.
#pragma once

#include <string_view>

#include "client/images.h"

namespace glancefs::client {

/// Whether Glance answers 200 to a PATCH of `key` and stores nothing, or stores something else:
/// these names collide with attributes of its own image object.
bool collides_with_glance(std::string_view key) noexcept;

/// Whether `image` holds what `change` asked for. Tags are compared as sets. A key that is absent
/// and a null are the same.
bool shows(const Image& image, const Change& change);

}  // namespace glancefs::client
