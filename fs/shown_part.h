// Whether the login may show the part of the catalogue that the options name.
#pragma once

#include "fs/filesystem.h"

namespace glancefs::fs {

/// Throws StartError(kUsage) for other projects' images without an administrator's login, and for
/// the own project's where other projects' are.
void check_shown_part(const Config& config);

}  // namespace glancefs::fs
