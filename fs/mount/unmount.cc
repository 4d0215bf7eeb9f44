#include "fs/mount/unmount.h"

#include <fmt/core.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <iostream>

#include "base/fd.h"
#include "base/file_text.h"
#include "base/log.h"
#include "base/poll.h"
#include "cache/spool.h"
#include "fs/catalogue/names.h"
#include "fs/mount/command_line.h"
#include "fs/mount/mount_point.h"
#include "fs/mount/paths.h"
#include "fs/mount/remount.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {
namespace {

// What the daemon takes to end once its uploads have: it closes files and logs out.
constexpr int kGraceSeconds = 15;

struct Request {
  std::string target, mount_namespace;
  bool lazy = false, force = false, verbose = false, or_read_only = false;
};

void take_letter(Request& request, char letter) {
  request.lazy |= letter == 'l';
  request.force |= letter == 'f';
  request.verbose |= letter == 'v';
  request.or_read_only |= letter == 'r';
  // -n and -c ask for nothing that would be done here.
  if (std::string_view("Ntlfvnrc").find(letter) == std::string_view::npos) {
    throw StartError(ExitCode::kUsage, fmt::format("unknown option -{}", letter));
  }
}

Request parse(std::span<char* const> arguments, const std::string& directory) {
  Request request;
  const std::string program = program_name(arguments);
  std::size_t next = 1;
  const auto value = [&](char letter) -> std::string {
    if (next < arguments.size()) return arguments[next++];
    throw StartError(ExitCode::kUsage, fmt::format("-{} needs a value", letter));
  };
  while (next < arguments.size()) {
    const std::string_view word(arguments[next++]);
    if (word.size() < 2 || word.front() != '-') {
      if (!request.target.empty()) {
        throw StartError(ExitCode::kUsage, fmt::format("unexpected \"{}\"", word));
      }
      request.target = absolute_path(std::string(word), directory);
      continue;
    }
    for (const char letter : word.substr(1)) {
      const std::string given = letter == 'N' || letter == 't' ? value(letter) : std::string();
      // A type (-t) is ours, or umount(8) would not have called us.
      if (letter == 'N') request.mount_namespace = absolute_path(given, directory);
      take_letter(request, letter);
    }
  }
  if (request.target.empty()) {
    throw StartError(ExitCode::kUsage, "no mount point given", program + " DIR [-l] [-f] [-v]");
  }
  return request;
}

// What the daemon has left in its journal, a line each.
std::string left_over(const DaemonFacts& daemon) {
  std::string lines;
  try {
    for (const auto& spool : cache::open_spools(daemon.state, 0)->recover(daemon.identity)) {
      const cache::SpoolRecord record = spool->record();
      if (is_local_name(record.name)) continue;  // a program's own business
      lines += log::printable(fmt::format("{}/{}: {}", record.directory, record.name,
                                          record.error.empty() ? "not uploaded" : record.error)) +
               "\n";
    }
  } catch (const std::system_error& error) {  // somebody else's, for example
    log::debug("{}", error.what());
  }
  return lines;
}

// What somebody uses stays mounted, but read-only, if umount -r was asked for. False: it was not,
// or the mount is gone.
bool remount_instead(const Request& request, const MountPoint& place) {
  if (!request.or_read_only || !place.top_mount(request.target)) return false;
  Options options;
  options.mount_point = request.target;
  options.verbose = request.verbose;
  remount(options, {{"ro", std::nullopt}}, place);
  return true;
}

int wait_for_uploads(const std::string& program, const DaemonFacts& daemon, const Fd& process,
                     const EndWait& wait) {
  if (!wait(process, daemon.shutdown_seconds + kGraceSeconds)) {
    throw StartError(ExitCode::kMountFailed,
                     fmt::format("the daemon (process {}) has not ended yet", daemon.process),
                     "it may still be uploading; what is written is safe in " + daemon.state);
  }
  const std::string lines = left_over(daemon);
  if (lines.empty()) return static_cast<int>(ExitCode::kSuccess);
  std::cerr << fmt::format("{}: unmounted, but not everything is uploaded; it waits in {}\n{}",
                           program, daemon.state, lines);
  return static_cast<int>(ExitCode::kMountFailed);
}

}  // namespace

bool wait_for_end(const Fd& process, int seconds) {
  pollfd end{.fd = process.get(), .events = POLLIN, .revents = 0};
  const int ended = poll_until(std::span(&end, 1),
                               std::chrono::steady_clock::now() + std::chrono::seconds(seconds));
  if (ended < 0) throw_errno(errno, "poll");
  return ended > 0;
}

int unmount(const Unmounting& wanted, const Environment& environment, const EndWait& wait) {
  // Held from before unmounting, so that it cannot be another process of the same number.
  const int id = wanted.daemon.process;
  const Fd process(id > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, id, 0)) : -1);
  const int flags = (wanted.lazy ? MNT_DETACH : 0) | (wanted.force ? MNT_FORCE : 0);
  MountPoint(effective_user(environment)).unmount(wanted.target, flags);
  // Without a daemon to be seen (another user's mount, say) there is nothing to wait for.
  if (!process) return static_cast<int>(ExitCode::kSuccess);
  return wait_for_uploads(wanted.program, wanted.daemon, process, wait);
}

bool is_unmount_helper(std::string_view program) { return program.starts_with("umount."); }

int unmount(std::span<char* const> arguments, const Environment& environment,
            const std::string& directory) {
  const Request request = parse(arguments, directory);
  if (!request.mount_namespace.empty()) enter_mount_namespace(request.mount_namespace);
  const bool waits = !request.lazy && !request.force;
  const std::string control = request.target + "/.glancefs/";
  const Unmounting wanted{
      .program = program_name(arguments),
      .target = request.target,
      .lazy = request.lazy,
      .force = request.force,
      .daemon = waits ? parse_daemon_facts(file_text(control + "status")) : DaemonFacts{}};
  const bool anything_waits = waits && !file_text(control + "pending").empty();
  const auto wait = [&](const Fd& process, int seconds) {
    if (request.verbose) std::cout << fmt::format("{} unmounted\n", request.target);
    if (anything_waits && ::isatty(STDERR_FILENO) == 1) {
      std::cerr << fmt::format("{}: waiting for uploads, {} s at most\n", wanted.program,
                               wanted.daemon.shutdown_seconds);
    }
    return wait_for_end(process, seconds);
  };
  try {
    return unmount(wanted, environment, wait);
  } catch (const StartError&) {
    if (!remount_instead(request, MountPoint(effective_user(environment)))) throw;
    return static_cast<int>(ExitCode::kSuccess);
  }
}

}  // namespace glancefs::fs
