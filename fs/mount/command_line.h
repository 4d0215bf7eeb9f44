// The words after the program's name, in the grammar of the name it was called by.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fs/mount/effective_options.h"
#include "fs/mount/option_word.h"
#include "fs/mount/options.h"

namespace glancefs::fs {

enum class Action {
  kMount,
  kRemount,  ///< change what is mounted: `mount -o remount`
  kDryRun,   ///< say what would be mounted, touch nothing: `mount -f`
  kHelp,     ///< print help_text() and end
  kVersion,  ///< print version_text() and end
};

struct CommandLine {
  Action action = Action::kMount;
  Options options;  ///< of kMount and kDryRun; of kRemount those of the command line only
  std::vector<OptionWord> words;  ///< of kRemount: what its mount options said
  std::vector<std::string> warnings;
};

/// Reads argv. Called `mount.glancefs` or `mount.fuse.glancefs` it follows mount(8)'s rules for
/// helpers: [SOURCE] DIR and options anywhere, `-f` is a dry run. Called anything else it is
/// `glancefs mount [CLOUD] DIR` with the same options, where `-f` stays in the foreground, or
/// `glancefs SOURCE DIR`, as mount.fuse3 calls it for the type fuse.glancefs.
///
/// The values of secret options are overwritten in `arguments` before anything else happens.
/// Relative paths start at `directory`. `read_config` is asked for the configuration files once it
/// is known that there is something to mount; without it none count. Throws StartError (kUsage).
CommandLine parse_command_line(std::span<char*> arguments, const Environment& environment,
                               const std::string& directory, const ConfigReader& read_config = {});

/// The last part of argv[0], "glancefs" if there is none: begins every message.
std::string program_name(std::span<char* const> arguments);

/// Whether the program is called as mount(8) calls its helpers.
bool is_mount_helper(std::string_view program);

/// What --help prints; made from the option table.
std::string help_text(std::string_view program);
std::string version_text();

/// One line on what a dry run would do. Without secrets.
std::string dry_run_text(const Options& options);

}  // namespace glancefs::fs
