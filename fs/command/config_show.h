// glancefs config show: what every option is, and who says so.
#pragma once

#include "fs/command/commands.h"

namespace glancefs::fs {

/// `config show [CLOUD] [-o OPTIONS]`: a line for each option, secrets as "***". What clouds.yaml
/// and OS_* variables say of the cloud is shown at the os-* options; when no cloud can be chosen,
/// the rest is shown, the reason goes to `err`, and it answers kPartly. Throws StartError.
CommandExit show_config(const CommandCall& call);

}  // namespace glancefs::fs
