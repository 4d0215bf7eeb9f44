// mount.glancefs: from the command line to a mounted catalogue.
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>

#include "cache/disk_store.h"
#include "cache/private_directory.h"
#include "cache/snapshots.h"
#include "cache/spool.h"
#include "client/curl_transport.h"
#include "client/glance.h"
#include "client/observed_transport.h"
#include "client/session.h"
#include "fs/catalogue/shown_part.h"
#include "fs/command/commands.h"
#include "fs/configuration.h"
#include "fs/executor.h"
#include "fs/filesystem.h"
#include "fs/fuse/errands.h"
#include "fs/fuse/session.h"
#include "fs/fuse/shutdown.h"
#include "fs/fuse/signals.h"
#include "fs/metrics/listener.h"
#include "fs/metrics/metrics.h"
#include "fs/mount/chosen_cloud.h"
#include "fs/mount/command_line.h"
#include "fs/mount/daemon.h"
#include "fs/mount/effective_options.h"
#include "fs/mount/handed_mount.h"
#include "fs/mount/known_login.h"
#include "fs/mount/mount_point.h"
#include "fs/mount/paths.h"
#include "fs/mount/patience.h"
#include "fs/mount/process.h"
#include "fs/mount/remount.h"
#include "fs/mount/service_manager.h"
#include "fs/mount/start_error.h"
#include "fs/mount/unmount.h"
#include "fs/mount/unmount_notice.h"
#include "fs/service/requests.h"
#include "fs/service/socket_place.h"
#include "fs/service/socket_server.h"
#include "fs/write/destination.h"

namespace glancefs::fs {
namespace {

// Each waits for at most one request to Glance; more of them would only queue there.
constexpr std::size_t kMetadataThreads = 64;
// Closes that wait for their upload; how many of those run is the option `uploads`.
constexpr std::size_t kTransferThreads = 64;
// What the end takes once the uploads are done.
constexpr std::chrono::seconds kEndsWithin{15};

// The numbers of the errands.
constexpr std::size_t kReload = 0;
constexpr std::size_t kReport = 1;
constexpr std::size_t kErrands = 2;

// A mount can do without them.
std::unique_ptr<cache::Snapshots> open_snapshots(const std::string& directory) {
  try {
    return std::make_unique<cache::Snapshots>(directory);
  } catch (const std::system_error& error) {
    log::warning("the catalogue will not be kept: {}", error.what());
    return nullptr;
  }
}

// What a mount is made of before there is a daemon.
struct Setting {
  const Options& options;
  const Environment& environment;  ///< as it counts; holds secrets
  const std::string& directory;    ///< where relative files start
  const Person person;
  const Paths paths;
  const client::Cloud cloud;
  const MountPoint place;
  const std::string mount_point;
  const int handed;  ///< the descriptor of a mount that is there already; -1: we mount
  const ServiceManager manager;
};

MountConfig mount_config(const Setting& setting) {
  const Options& options = setting.options;
  MountConfig config{.directory = setting.mount_point,
                     .source = mount_source(options, setting.cloud.label()),
                     .flags = options.mount_flags,
                     .allow_other = options.allow_other,
                     .auto_unmount = options.auto_unmount.value_or(setting.person.uid != 0),
                     .options = options.fuse_options,
                     .passthrough = options.passthrough};
  std::erase(config.options, "allow_other");
  return config;
}

std::string mounted_text(const Setting& setting) {
  return setting.cloud.label() + " mounted on " + setting.mount_point;
}

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
  try {
    open_log(setting.options, setting.paths);
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

// Without it the mount works, and only the commands have nobody to ask.
std::unique_ptr<SocketServer> open_socket(const std::string& directory, const Requests& requests,
                                          const std::string& mount_point) {
  try {
    const std::vector<MountEntry> mounts = glancefs_mounts();
    const auto ours = std::find_if(mounts.rbegin(), mounts.rend(), [&](const MountEntry& mount) {
      return mount.target == mount_point;
    });
    if (ours == mounts.rend()) throw_errno(ENOENT, mount_point + " in /proc/self/mountinfo");
    const auto answer = [&requests](const std::string& request, const std::stop_token& stop) {
      return requests.answer(request, stop);
    };
    // Ours, and nobody else writes it.
    const auto place = cache::PrivateDirectory::open(directory);
    return std::make_unique<SocketServer>(socket_path(place.path(), ours->minor), ::geteuid(),
                                          answer);
  } catch (const std::system_error& error) {
    log::warning("the commands of glancefs cannot ask this mount: {}", error.what());
    return nullptr;
  }
}

MountFacts mount_facts(const Options& options, const Paths& paths, const client::Session& session) {
  return {.region = session.cloud().region,
          .cache_directory = cache_directory(options, paths),
          .since = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()),
          .token_expires = [&session] { return session.expires(); }};
}

// Null: metrics are not to be served.
std::unique_ptr<MetricsSocket> open_metrics_socket(const Options& options) {
  if (!options.metrics_listen) return nullptr;
  return std::make_unique<MetricsSocket>(*options.metrics_listen);
}

std::unique_ptr<MetricsListener> serve_metrics(const MetricsSocket* socket,
                                               const Filesystem& files) {
  if (socket == nullptr) return nullptr;
  log::info("metrics are served on {}", socket->address().text());
  return std::make_unique<MetricsListener>(*socket, [&files] { return files.metrics(); });
}

// Builds the file system from the ground up, login first, and serves until it is unmounted.
void serve(const Setting& setting, Ready& ready) {
  const Options& options = setting.options;
  open_log(options, setting.paths);
  const Clock clock;
  const std::string cache = cache_directory(options, setting.paths);
  const auto metrics_socket = open_metrics_socket(options);
  Metrics metrics;
  client::ExchangeLog exchange_log(metrics.requests);
  client::CurlTransport curl(transport_config(options, setting.cloud, setting.environment));
  client::ObservedTransport transport(
      curl,
      options.http_debug ? static_cast<client::ExchangeObserver&>(exchange_log) : metrics.requests);
  client::Session session(setting.cloud, transport, clock);
  const auto snapshots = open_snapshots(cache);
  const auto config_for = [&](const client::Identity& who) {
    return filesystem_config(options, setting.paths, setting.cloud, who);
  };
  setting.manager.status("logging in to " + setting.cloud.label());
  const KnownLogin login = log_in_patiently(options, ready, [&] {
    return log_in(session, snapshots.get(), options.offline,
                  [&](const client::Identity& who) { return config_for(who).catalogue_key; });
  });
  client::Glance images(session);
  Config config = config_for(login.identity);
  config.metrics = &metrics;
  config.token_expires = [&session] { return session.expires(); };
  check_shown_part(config);
  // Without the cloud the uploads themselves find out.
  if (!config.read_only && !login.offline) check_destination(config.upload_to, images, {});
  const auto store = cache::open_disk_store(store_config(options, setting.paths));
  const auto spools =
      cache::open_spools(state_directory(options, setting.paths), options.spool_size);
  Filesystem files(config, images, *store, *spools, snapshots.get());
  Executor metadata(kMetadataThreads);
  Executor transfers(kTransferThreads);
  FuseSession fuse(files, metadata, transfers, metrics.operations, mount_config(setting));
  const auto listener = serve_metrics(metrics_socket.get(), files);
  const Requests requests(files, mount_facts(options, setting.paths, session));
  if (setting.handed >= 0) {
    fuse.serve_on(Fd(setting.handed));
    serve_mounted(setting, session, files, fuse, ready);
  } else {
    // While we waited for the network, another may have mounted it.
    if (options.background) setting.place.check_directory(setting.mount_point, options.source);
    fuse.mount();
    // To the end of the uploads: umount asks how they go.
    const auto socket = open_socket(setting.paths.runtime, requests, setting.mount_point);
    const UnmountNotice notice(mount_source(options, setting.cloud.label()), setting.mount_point);
    serve_mounted(setting, session, files, fuse, ready);
  }
  log::info("{} is unmounted", setting.mount_point);
  session.log_out();
}

// The mount point as it is to be used. Says what the person should know of it.
std::string checked_mount_point(const Options& options, const MountPoint& place) {
  place.check_fuse(options);
  const MountPoint::Checked checked = place.check_directory(options.mount_point, options.source);
  for (const std::string& note : checked.notes) {
    std::cerr << options.program << ": " << note << "\n";
  }
  return checked.path;
}

int mount(const Options& options, const Environment& inherited, const std::string& directory) {
  const Environment environment = effective_environment(inherited, options);
  const Person person = effective_user(environment);
  const MountPoint place(person);
  const auto handed = handed_descriptor(options.mount_point);
  const Setting setting{
      .options = options,
      .environment = environment,
      .directory = directory,
      .person = person,
      .paths = default_paths(person, environment),
      .cloud = load_chosen_cloud(options, environment, person, directory),
      .place = place,
      .mount_point = handed ? options.mount_point : checked_mount_point(options, place),
      .handed = handed.value_or(-1),
      // A daemon in the background is no service of the one that happens to call it.
      .manager = ServiceManager(options.foreground ? environment : Environment())};
  settle_environment(options);
  const Startup startup{.program = options.program,
                        .foreground = options.foreground,
                        .limit = options.mount_timeout,
                        .handed = setting.handed,
                        .undo = [&] { place.clear_stale(setting.mount_point); }};
  return start(startup, [&](Ready& ready) { serve(setting, ready); });
}

int run(std::span<char*> arguments) {
  fill_standard_streams();
  harden_process();
  share_heaps();
  const Environment environment = current_environment();
  const std::string directory = std::filesystem::current_path();
  const std::string program = program_name(arguments);
  if (is_unmount_helper(program)) return unmount(arguments, environment, directory);
  if (!is_mount_helper(program)) {
    const auto code = run_command(arguments, environment, directory, std::cout, std::cerr);
    if (code) return *code;
  }
  const auto read_config = [&](const Options& options, const std::string& named) {
    // From here on all files are looked for there.
    if (!options.mount_namespace.empty()) enter_mount_namespace(options.mount_namespace);
    return read_chosen_config(named, environment);
  };
  const CommandLine command = parse_command_line(arguments, environment, directory, read_config);
  for (const std::string& warning : command.warnings) {
    std::cerr << program << ": " << warning << "\n";
  }
  switch (command.action) {
    case Action::kHelp:
      std::cout << help_text(program);
      return 0;
    case Action::kVersion:
      std::cout << version_text();
      return 0;
    case Action::kRemount:
      remount(command.options, command.words, MountPoint(effective_user(environment)));
      return 0;
    case Action::kDryRun:
      if (command.options.verbose) std::cout << dry_run_text(command.options) << "\n";
      return 0;
    case Action::kMount:
      return mount(command.options, environment, directory);
  }
  return 0;
}

}  // namespace
}  // namespace glancefs::fs

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  try {
    return glancefs::fs::run(arguments);
  } catch (...) {
    const auto failure = glancefs::fs::describe_failure(glancefs::fs::program_name(arguments),
                                                        std::current_exception());
    std::cerr << failure.text;
    return static_cast<int>(failure.code);
  }
}
