// A pleasant catalogue to show: small synthetic images that tools accept.
#pragma once

#include <cstddef>

#include "tests/devcloud/devcloud.h"

namespace glancefs::devcloud {

/// About a dozen images of all visibilities, formats and states, with awkward names among them.
void add_demo_images(DevCloud& cloud);
/// `count` small public images "image-000000" …, each with its own bytes.
void add_many_images(DevCloud& cloud, std::size_t count);

}  // namespace glancefs::devcloud
