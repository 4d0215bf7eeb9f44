// The commands of `glancefs` besides `mount`: one table behind what runs, `glancefs help` and the
// completions.
#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fs/command/arguments.h"
#include "fs/mount/options.h"

namespace glancefs::fs {

/// What a command ends with; those of the openstack client, where it has them.
enum class CommandExit : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kPartly = 3,  ///< done, with damage or warnings that were shown
  kInterrupted = 130,
};

/// One call of a command.
struct CommandCall {
  Arguments arguments;
  const Environment& environment;
  const std::string& directory;  ///< where relative paths begin
  std::ostream& out;             ///< results
  std::ostream& err;             ///< everything else
};

/// One row. A new command is a new row.
struct Command {
  std::string_view name;   ///< one word, or two as in "cache list"
  std::string_view usage;  ///< of its positionals, as in "[DIR]"
  std::string_view summary;
  std::span<const CommandOption> options;
  /// Throws UsageError, or any exception whose what() says why it failed.
  CommandExit (*run)(const CommandCall& call);
};

std::span<const Command> commands();

/// Runs the command that argv names; nullopt: it names none. What goes wrong is written to `err`
/// as "glancefs: WHY", without stopping at control characters.
std::optional<int> run_command(std::span<char* const> arguments, const Environment& environment,
                               const std::string& directory, std::ostream& out, std::ostream& err);

/// Writes to `err` as "glancefs: WHAT" and, where there is one, "  hint: HINT"; control characters
/// come out escaped.
void complain(std::ostream& err, std::string_view what, std::string_view hint);

/// What `glancefs help` prints.
std::string commands_text();

}  // namespace glancefs::fs
