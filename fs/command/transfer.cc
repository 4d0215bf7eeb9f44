#include <ostream>

#include "fs/command/daemon.h"
#include "fs/command/files.h"
#include "fs/command/mount_commands.h"
#include "fs/command/mounts.h"
#include "fs/command/watch.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {
namespace {

const std::vector<std::string> kColumns{"mount_point", "direction", "file",  "state",
                                        "bytes",       "size",      "rate",  "seconds_left",
                                        "attempt",     "id",        "detail"};
const std::vector<std::string> kShortColumns{"direction", "file", "state",        "bytes",
                                             "size",      "rate", "seconds_left", "detail"};

void add_transfers(Listing& listing, const MountEntry& mount, const Json& transfers) {
  for (const Json& transfer : transfers) {
    std::vector<Cell> row{mount.target};
    for (std::size_t i = 1; i < kColumns.size(); ++i) {
      row.push_back(transfer.contains(kColumns[i]) ? cell_of(transfer[kColumns[i]]) : Cell());
    }
    listing.rows.push_back(std::move(row));
  }
}

}  // namespace

CommandExit list_transfers(const CommandCall& call) {
  call.arguments.expect_positionals(0, 1, "glancefs transfer list [DIR]");
  const Interrupt interrupt;
  const auto& words = call.arguments.positionals();
  OutputChoice choice = call.arguments.output();
  if (choice.format == Format::kTable && choice.columns.empty()) choice.columns = kShortColumns;
  bool all_answered = true;
  show_or_watch(call, interrupt, [&] {
    Listing listing{.columns = kColumns, .rows = {}};
    if (!words.empty()) {
      const MountEntry mount = mount_of(absolute_path(words[0], call.directory));
      add_transfers(listing, mount, Daemon(mount, call.environment, interrupt).ask("transfers"));
      return list_text(listing, choice);
    }
    for (const MountEntry& mount : all_mounts()) {
      try {
        add_transfers(listing, mount, Daemon(mount, call.environment, interrupt).ask("transfers"));
      } catch (const DaemonError& error) {
        all_answered = false;
        complain(call.err, error.what(), "");
      }
    }
    return list_text(listing, choice);
  });
  return all_answered ? CommandExit::kDone : CommandExit::kPartly;
}

CommandExit cancel_transfers(const CommandCall& call) {
  return for_named_files(call, "glancefs transfer cancel FILE...",
                         [](Daemon& daemon, const FileQuestion& file) {
                           daemon.ask("cancel", file.words, file.name);
                         });
}

}  // namespace glancefs::fs
