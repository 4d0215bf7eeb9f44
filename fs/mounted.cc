#include "fs/mounted.h"

#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <sstream>

#include "base/log.h"
#include "fs/fuse/errands.h"
#include "fs/fuse/shutdown.h"
#include "fs/fuse/signals.h"
#include "fs/mount/chosen_cloud.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {
namespace {

// What the end takes once the uploads are done.
constexpr std::chrono::seconds kEndsWithin{15};

// The numbers of the errands.
constexpr std::size_t kReload = 0;
constexpr std::size_t kReport = 1;
constexpr std::size_t kErrands = 2;

ShutdownSteps shutdown_steps(const Setting& setting, Filesystem& files, FuseSession& fuse) {
  return {.detach =
              [&] {
                if (setting.handed >= 0) return;  // who has mounted it unmounts
                setting.place.unmount(setting.mount_point, MNT_DETACH);
                fuse.detached();
              },
          .finish_uploads =
              [&](auto until, const auto& stop) {
                setting.manager.stopping("uploading what waits",
                                         setting.options.shutdown_timeout + kEndsWithin);
                files.finish_uploads(until, stop);
              },
          .exit = [&] { fuse.request_exit(); }};
}

// SIGHUP. What cannot be read again stays as it is.
void reload(const Setting& setting, client::Session& session, const std::stop_token& stop) {
  setting.manager.reloading();
  std::string status = mounted_text(setting);
  log::reopen();
  try {
    session.log_in_anew(
        load_chosen_cloud(setting.options, setting.environment, setting.person, setting.directory),
        stop);
    log::info("{}: logged in anew", setting.cloud.label());
  } catch (...) {
    const std::string why = failure_line(std::current_exception());
    log::error("not reloaded: {}", why);
    status += "; not reloaded: " + why;
  }
  setting.manager.ready(status);
}

// SIGUSR1. At a level that is logged unless somebody asked for silence.
void report(const Filesystem& files) {
  for (const std::string_view name : {"status", "transfers", "pending"}) {
    std::istringstream lines(files.control_text(name));
    for (std::string line; std::getline(lines, line);) log::warning("{}: {}", name, line);
  }
}

// What SIGHUP and SIGUSR1 ask for. A hangup of the terminal that the daemon runs on is an end.
Errands errands(const Setting& setting, client::Session& session, const Filesystem& files,
                Shutdown& shutdown) {
  const bool on_terminal = setting.options.foreground && ::isatty(STDERR_FILENO) == 1;
  std::vector<Errands::Task> tasks(kErrands);
  tasks[kReload] = [&, on_terminal](const std::stop_token& stop) {
    if (on_terminal && ::isatty(STDERR_FILENO) == 0) return shutdown.signal();
    reload(setting, session, stop);
  };
  tasks[kReport] = [&](const std::stop_token& /*stop*/) { report(files); };
  return Errands(std::move(tasks));
}

}  // namespace

void serve_mounted(const Setting& setting, client::Session& session, Filesystem& files,
                   FuseSession& fuse, Ready& ready) {
  const std::string text = mounted_text(setting);
  Shutdown shutdown(setting.options.shutdown_timeout, shutdown_steps(setting, files, fuse));
  Errands tasks = errands(setting, session, files, shutdown);
  const Signals signals({.end = [&] { shutdown.signal(); },
                         .reload = [&] { tasks.ask(kReload); },
                         .report = [&] { tasks.ask(kReport); }});
  fuse.run([&] {
    ready.ready(setting.options.verbose ? text : "");
    setting.manager.ready(text);
    log::info("{}", text);
  });
  shutdown.finish();
}

}  // namespace glancefs::fs
