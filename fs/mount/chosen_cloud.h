// The cloud that the options, the environment and the configuration files agree on.
#pragma once

#include <string>

#include "client/cloud.h"
#include "fs/mount/options.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {

/// What load_cloud() reads: the OS_* variables in effective_environment() and the mount options.
/// Relative files among them become absolute. clouds.yaml and secure.yaml in CREDENTIALS_DIRECTORY,
/// as systemd hands them to a unit, count where no such file is named. ./clouds.yaml counts only
/// for a person in a shell: not for root, nor under mount(8), which run wherever somebody left a
/// file.
client::CloudSources cloud_sources(const Options& options, const Environment& environment,
                                   const Person& person, const std::string& directory);

/// client::describe_cloud() with these options.
client::CloudDescription describe_chosen_cloud(const Options& options,
                                               const Environment& environment, const Person& person,
                                               const std::string& directory);

/// load_cloud() with these options: the cloud to log in to, its files absolute. Throws CloudError.
client::Cloud load_chosen_cloud(const Options& options, const Environment& environment,
                                const Person& person, const std::string& directory);

}  // namespace glancefs::fs
