// What an image that takes the place of another has from it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "client/images.h"

namespace glancefs::fs {

/// Gives `heir` the free properties, tags, min_disk and min_ram of `old`, but for those whose keys
/// are among `own`: somebody has set them on the new file. Left out is what tells of the old bytes:
/// signatures, and the sums that OpenStack's clients note down. Formats come from the new bytes,
/// and all the rest is Glance's to decide.
void inherit(client::Image& heir, const client::Image& old,
             const std::vector<std::pair<std::string, std::string>>& own);

}  // namespace glancefs::fs
