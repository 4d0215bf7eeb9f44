#include <array>
#include <chrono>
#include <optional>
#include <ostream>

#include "fs/command/daemon.h"
#include "fs/command/mount_commands.h"
#include "fs/command/mounts.h"
#include "fs/command/usage_error.h"
#include "fs/command/watch.h"
#include "fs/doctor/patient_read.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {
namespace {

// What the daemon tells, after what the mount table does.
constexpr std::array kColumns{"mount_point",
                              "source",
                              "state",
                              "cloud",
                              "endpoint",
                              "region",
                              "project_name",
                              "project_id",
                              "since",
                              "token_expires_at",
                              "images",
                              "own_images",
                              "own_bytes",
                              "offers",
                              "catalogue_age_seconds",
                              "offline_since",
                              "trouble",
                              "cache_directory",
                              "cache_bytes",
                              "cache_limit",
                              "cache_images",
                              "cache_read_bytes",
                              "cache_evicted_bytes",
                              "fetched_bytes",
                              "reads",
                              "downloads",
                              "uploads_pending",
                              "process",
                              "shutdown_seconds",
                              "state_directory",
                              "version"};
// So many side by side nobody can read.
constexpr std::array kShortColumns{"mount_point", "cloud",  "project_name",    "region",
                                   "state",       "images", "uploads_pending", "since"};

Json with_mount(const MountEntry& mount, const Json& answer) {
  Json status{{"mount_point", mount.target}, {"source", mount.source}};
  for (const char* column : kColumns) {
    if (!status.contains(column))
      status[column] = answer.contains(column) ? answer[column] : Json();
  }
  return status;
}

Json status_of(const MountEntry& mount, const CommandCall& call, const Interrupt& interrupt) {
  return with_mount(mount, Daemon(mount, call.environment, interrupt).ask("status"));
}

// One that does not answer is in the list all the same.
Listing status_of_all(const CommandCall& call, const Interrupt& interrupt, bool& all_answered) {
  Listing listing{.columns = {kColumns.begin(), kColumns.end()}, .rows = {}};
  for (const MountEntry& mount : all_mounts()) {
    Json status;
    try {
      status = status_of(mount, call, interrupt);
    } catch (const DaemonError& error) {
      all_answered = false;
      status = with_mount(mount, {{"state", "unknown"}, {"trouble", error.what()}});
      complain(call.err, error.what(), "");
    }
    std::vector<Cell> row;
    for (const Json& value : status) row.push_back(cell_of(value));
    listing.rows.push_back(std::move(row));
  }
  return listing;
}

MountEntry only_mount() {
  const std::vector<MountEntry> mounts = all_mounts();
  if (mounts.size() == 1) return mounts.front();
  std::string directories;
  for (const MountEntry& mount : mounts) directories += " " + mount.target;
  throw UsageError(mounts.empty() ? "nothing is mounted here" : "metrics are those of one mount",
                   "glancefs status DIR -f prometheus" +
                       (mounts.empty() ? directories : "; there are:" + directories));
}

// As .glancefs/metrics has them. A daemon that hangs must not take us along.
CommandExit show_metrics(const CommandCall& call) {
  constexpr std::chrono::seconds kPatience{10};
  const auto& words = call.arguments.positionals();
  const MountEntry mount =
      words.empty() ? only_mount() : mount_of(absolute_path(words[0], call.directory));
  call.out << text_of_file(mount.target + "/.glancefs/metrics", kPatience);
  return CommandExit::kDone;
}

}  // namespace

CommandExit show_status(const CommandCall& call) {
  call.arguments.expect_positionals(0, 1, "glancefs status [DIR]");
  if (call.arguments.value(kFormatOption.name) == kPrometheusFormat) return show_metrics(call);
  const Interrupt interrupt;
  OutputChoice choice = call.arguments.output();
  const auto& words = call.arguments.positionals();
  if (!words.empty()) {
    const MountEntry mount = mount_of(absolute_path(words[0], call.directory));
    show_or_watch(call, interrupt,
                  [&] { return show_text(fields_of(status_of(mount, call, interrupt)), choice); });
    return CommandExit::kDone;
  }
  if (choice.format == Format::kTable && choice.columns.empty()) {
    choice.columns.assign(kShortColumns.begin(), kShortColumns.end());
  }
  bool all_answered = true;
  show_or_watch(call, interrupt,
                [&] { return list_text(status_of_all(call, interrupt, all_answered), choice); });
  return all_answered ? CommandExit::kDone : CommandExit::kPartly;
}

}  // namespace glancefs::fs
