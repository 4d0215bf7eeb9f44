// Which names a file can be given.
#pragma once

#include <string>
#include <string_view>

#include "fs/catalogue/tree.h"

namespace glancefs::fs {

/// The image's name for a new file name. Throws why there can be no such file: EILSEQ (not UTF-8,
/// or a character outside the basic plane), ENAMETOOLONG (more than 255 bytes, or of 255
/// characters), and, of names that stand for an image by its id, EEXIST when there is that image
/// and EINVAL when there is not.
std::string new_image_name(const Tree& tree, std::string_view file_name);

}  // namespace glancefs::fs
