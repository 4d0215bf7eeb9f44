#include <ostream>

#include "fs/command/daemon.h"
#include "fs/command/mount_commands.h"
#include "fs/command/mounts.h"
#include "fs/command/progress.h"
#include "fs/command/usage_error.h"
#include "fs/mount/paths.h"
#include "fs/mount/start_error.h"
#include "fs/mount/unmount.h"

namespace glancefs::fs {
namespace {

constexpr std::chrono::milliseconds kLook{250};

// What to wait for. A daemon that does not answer is not waited for; its mount still goes.
DaemonFacts facts_of(Daemon& daemon, std::ostream& err) {
  try {
    const Json status = daemon.ask("status");
    const Json& project = status.at("project_id");
    return {.process = status.at("process").get<int>(),
            .shutdown_seconds = status.at("shutdown_seconds").get<int>(),
            .state = status.at("state_directory").get<std::string>(),
            .identity = status.at("endpoint").get<std::string>() + " " +
                        (project.is_string() ? project.get<std::string>() : "")};
  } catch (const DaemonError& error) {
    complain(err, std::string(error.what()) + "; not waiting for uploads", "");
    return {};
  }
}

// Bytes of all uploads that have not ended.
void show_uploads(Daemon& daemon, Progress& progress) {
  try {
    std::uint64_t sent = 0;
    std::uint64_t size = 0;
    std::string file = "uploads";
    for (const Json& transfer : daemon.ask("transfers")) {
      if (transfer.at("direction") != "upload") continue;
      if (transfer.at("state") == "uploading") file = transfer.at("file").get<std::string>();
      sent += transfer.at("bytes").get<std::uint64_t>();
      size += transfer.at("size").get<std::uint64_t>();
    }
    if (size > 0) progress.show(file, sent, size);
  } catch (const DaemonError&) {  // it has nothing more to send, and ends
  }
}

}  // namespace

CommandExit unmount_command(const CommandCall& call) {
  const char* const usage = "glancefs umount DIR [--no-wait | --lazy]";
  call.arguments.expect_positionals(1, 1, usage);
  const bool lazy = call.arguments.has("lazy");
  const bool waits = !lazy && !call.arguments.has("no-wait");
  if (lazy && call.arguments.has("no-wait")) {
    throw UsageError("--lazy does not wait anyway", usage);
  }
  const std::string target = absolute_path(call.arguments.positionals().front(), call.directory);
  const Interrupt interrupt;
  const MountEntry mount = mount_of(target);
  if (mount.target != target) {
    throw std::runtime_error(target + ": not a mount point; " + mount.target + " is");
  }
  Daemon daemon(mount, call.environment, interrupt);
  const Unmounting wanted{.program = "glancefs",
                          .target = target,
                          .lazy = lazy,
                          .daemon = waits ? facts_of(daemon, call.err) : DaemonFacts{}};
  const int code = unmount(wanted, call.environment, [&](const Fd& process, int seconds) {
    Progress progress(call.err);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (std::chrono::steady_clock::now() < deadline) {
      if (interrupt.wait_readable(process.get(), kLook)) return true;
      show_uploads(daemon, progress);
    }
    return false;
  });
  return code == 0 ? CommandExit::kDone : CommandExit::kPartly;
}

}  // namespace glancefs::fs
