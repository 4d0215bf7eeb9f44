#include "fs/command/files.h"
#include "fs/command/mount_commands.h"
#include "fs/command/mounts.h"
#include "fs/filesystem.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {
namespace {

// A listing of 100,000 images.
constexpr std::chrono::minutes kPatience{10};

}  // namespace

CommandExit refresh(const CommandCall& call) {
  call.arguments.expect_positionals(0, 1, "glancefs refresh [DIR|FILE]");
  const Interrupt interrupt;
  const auto& words = call.arguments.positionals();
  std::vector<MountEntry> mounts;
  if (words.empty()) {
    mounts = all_mounts();
  } else {
    mounts.push_back(mount_of(absolute_path(words[0], call.directory)));
  }
  for (const MountEntry& mount : mounts) {
    Daemon(mount, call.environment, interrupt)
        .ask("refresh", {{"node", kRootNode}}, mount.target, kPatience);
  }
  return CommandExit::kDone;
}

}  // namespace glancefs::fs
