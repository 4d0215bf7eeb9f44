// The part of the catalogue that the options name.
#pragma once

#include <string>

#include "fs/catalogue/directories.h"
#include "fs/filesystem.h"

namespace glancefs::fs {

/// Throws StartError(kUsage) for other projects' images without an administrator's login, and for
/// the own project's where other projects' are.
void check_shown_part(const Config& config);

DirectoriesConfig directories_config(const Config& config);

/// Names what listings are limited to, as Directories::limit() does; empty: to nothing.
std::string listed_part(const Config& config);

}  // namespace glancefs::fs
