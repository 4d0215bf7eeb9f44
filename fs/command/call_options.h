// What a mount would be told, for commands that speak of one: -o, variables and configuration
// files.
#pragma once

#include <string>

#include "fs/command/commands.h"
#include "fs/mount/option_parser.h"

namespace glancefs::fs {

inline constexpr CommandOption kMountOptionsOption{
    "options", 'o', "OPTIONS", "as for mount, without secrets; may be repeated"};

/// The options of a mount of `cloud` (empty: whichever it would be) that the call's -o describe,
/// and who set them. Throws UsageError for what parse_options() does not take, in configuration
/// files, too, and for a secret among the -o, which everybody would see in argv.
ParsedOptions options_of(const CommandCall& call, const std::string& cloud);

}  // namespace glancefs::fs
