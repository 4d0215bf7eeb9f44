// What Glance 30 and later find wrong with the content of an image.
#pragma once

#include <optional>
#include <string>

#include "tests/devcloud/catalogue.h"
#include "tests/devcloud/config.h"

namespace glancefs::devcloud {

/// Why an upload of `data` for `image` is answered with 415; nullopt: it is taken, as
/// everything is where the site does not inspect.
std::optional<std::string> inspect(const Image& image, const Blob& data, const Config& config);

}  // namespace glancefs::devcloud
