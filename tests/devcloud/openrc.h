// Credential files as the install guides write them.
#pragma once

#include <filesystem>

#include "tests/devcloud/devcloud.h"

namespace glancefs::devcloud {

/// Writes admin-openrc, demo-openrc, other-openrc and clouds.yaml (clouds devcloud-admin and so on)
/// into `directory`, which is made; mode 0600. Throws system_error.
void write_credentials(const DevCloud& cloud, const std::filesystem::path& directory);

}  // namespace glancefs::devcloud
