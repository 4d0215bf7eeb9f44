// One cloud's settings by the names that clouds.yaml and OS_* share, and what they mean.
#pragma once

#include <map>
#include <string>

#include "client/cloud.h"
#include "client/cloud_file.h"

namespace glancefs::client {

/// Values by name (`auth_url`, `project_name` …), old names replaced, lists joined by commas, empty
/// values left out. May hold secrets.
using Settings = std::map<std::string, std::string>;

/// The settings in a cloud's tree, its keys plain: what stands under `auth` wins over the same key
/// beside it.
Settings settings_of(const ConfigTree& cloud);

/// The settings in variables: OS_PROJECT_NAME is project_name.
Settings settings_of(const std::map<std::string, std::string>& variables);

/// The cloud that `settings` describe. `home` is what ~ stands for. Throws CloudError for what is
/// missing, contradictory or not supported.
Cloud cloud_of(const std::string& name, const Settings& settings, const std::string& home);

}  // namespace glancefs::client
