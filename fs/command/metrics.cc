#include "fs/command/metrics.h"

#include <chrono>
#include <ostream>

#include "fs/command/mounts.h"
#include "fs/command/usage_error.h"
#include "fs/doctor/patient_read.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {
namespace {

constexpr std::chrono::seconds kPatience{10};

/// The directory that was given, or that of the only mount.
std::string chosen_mount(const CommandCall& call) {
  const auto& words = call.arguments.positionals();
  if (!words.empty()) return absolute_path(words.front(), call.directory);
  const auto mounts = all_mounts();
  if (mounts.empty()) throw UsageError("nothing is mounted here", "glancefs metrics DIR");
  if (mounts.size() > 1) {
    std::string directories;
    for (const auto& mount : mounts) directories += " " + mount.target;
    throw UsageError("there is more than one mount", "choose one of:" + directories);
  }
  return mounts.front().target;
}

}  // namespace

CommandExit run_metrics(const CommandCall& call) {
  call.arguments.expect_positionals(0, 1, "glancefs metrics [DIR]");
  call.out << text_of_file(chosen_mount(call) + "/.glancefs/metrics", kPatience);
  return CommandExit::kDone;
}

}  // namespace glancefs::fs
