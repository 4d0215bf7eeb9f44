// A small file as one string.
#pragma once

#include <string>

namespace glancefs {

/// What the file holds; empty when it cannot be read, for who takes that for a file without lines.
std::string file_text(const std::string& path);

}  // namespace glancefs
