// glancefs completion: scripts for shells, made of the table of options and that of commands.
#pragma once

#include <string>

#include "fs/command/commands.h"

namespace glancefs::fs {

inline constexpr CommandOption kCloudsOption{"clouds", '\0', "",
                                             "print the names of the clouds in clouds.yaml"};

/// `completion bash|zsh|fish` and `completion --clouds`, which the scripts call.
CommandExit print_completion(const CommandCall& call);

/// Scripts that complete `glancefs` and `mount.glancefs`: commands, their options, mount options
/// (also within the list after -o), their values, clouds, files.
std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

}  // namespace glancefs::fs
