// glancefs config show: what every option is, and who says so.
#pragma once

#include <optional>

#include "client/cloud.h"
#include "fs/command/commands.h"
#include "fs/mount/option_parser.h"

namespace glancefs::fs {

/// What options_of() has found, and what clouds.yaml and OS_* variables say of the cloud at the
/// os-* options; secrets as "***". `trouble`: why no cloud can be chosen; the variables are shown
/// then.
OptionSettings all_settings(const CommandCall& call, const ParsedOptions& parsed,
                            std::optional<client::CloudError>& trouble);

/// `config show [CLOUD] [-o OPTIONS]`: a line for each option, secrets as "***". What clouds.yaml
/// and OS_* variables say of the cloud is shown at the os-* options; when no cloud can be chosen,
/// the rest is shown, the reason goes to `err`, and it answers kPartly. Throws StartError.
CommandExit show_config(const CommandCall& call);

}  // namespace glancefs::fs
