// mount.glancefs: from the command line to a mounted catalogue.
#include <sys/mount.h>

#include <filesystem>
#include <iostream>
#include <memory>

#include "cache/disk_store.h"
#include "cache/snapshots.h"
#include "cache/spool.h"
#include "client/curl_transport.h"
#include "client/glance.h"
#include "client/session.h"
#include "fs/catalogue/shown_part.h"
#include "fs/command/commands.h"
#include "fs/executor.h"
#include "fs/filesystem.h"
#include "fs/fuse/session.h"
#include "fs/fuse/shutdown.h"
#include "fs/fuse/signals.h"
#include "fs/mount/chosen_cloud.h"
#include "fs/mount/command_line.h"
#include "fs/mount/daemon.h"
#include "fs/mount/effective_options.h"
#include "fs/mount/known_login.h"
#include "fs/mount/mount_point.h"
#include "fs/mount/paths.h"
#include "fs/mount/process.h"
#include "fs/mount/unmount.h"
#include "fs/mount/unmount_notice.h"
#include "fs/write/destination.h"

namespace glancefs::fs {
namespace {

// Each waits for at most one request to Glance; more of them would only queue there.
constexpr std::size_t kMetadataThreads = 64;
// Closes that wait for their upload; how many of those run is the option `uploads`.
constexpr std::size_t kTransferThreads = 64;

client::TransportConfig transport_config(const Options& options, const client::Cloud& cloud,
                                         const Environment& environment) {
  client::TransportConfig config = client::transport_config(cloud, environment);
  config.user_agent = "glancefs/" GLANCEFS_VERSION;
  config.connect_timeout = options.connect_timeout;
  config.silence_timeout = options.timeout;
  return config;
}

std::string cache_directory(const Options& options, const Paths& paths) {
  return options.cache_directory.empty() ? paths.cache : options.cache_directory;
}

cache::DiskStoreConfig store_config(const Options& options, const Paths& paths) {
  const std::string directory = cache_directory(options, paths);
  const std::uint64_t disk = filesystem_size(directory);
  return {.directory = directory,
          .limit = options.cache_size.of(disk),
          .min_free = options.cache_min_free.of(disk)};
}

std::string state_directory(const Options& options, const Paths& paths) {
  return options.state_directory.empty() ? paths.state : options.state_directory;
}

// A mount can do without them.
std::unique_ptr<cache::Snapshots> open_snapshots(const std::string& directory) {
  try {
    return std::make_unique<cache::Snapshots>(directory);
  } catch (const std::system_error& error) {
    log::warning("the catalogue will not be kept: {}", error.what());
    return nullptr;
  }
}

Config filesystem_config(const Options& options, const Paths& paths, const client::Cloud& cloud,
                         const client::Identity& who) {
  Config config;
  config.label = cloud.label();
  config.endpoint = who.endpoint;
  config.project_id = who.project_id;
  config.project_name = who.project_name;
  config.identity = config.endpoint + " " + config.project_id;
  config.offline = options.offline;
  config.is_admin = who.is_admin;
  config.read_only = options.read_only;
  config.show_hidden = options.hidden;
  config.all_projects = options.all_projects;
  config.visibilities = options.visibilities;
  config.subdirectory = options.subdirectory;
  config.allow_delete = options.removal;
  config.replace = options.replace;
  config.replaced = options.replaced;
  config.xattrs = options.xattrs;
  config.check_properties = options.check_properties;
  config.fallback_format = {.disk_format = options.disk_format,
                            .container_format = options.container_format};
  config.uid = options.uid;
  config.gid = options.gid;
  config.umask = options.umask;
  config.metadata_ttl = options.metadata_ttl;
  config.connections = options.connections;
  config.verify = options.verify;
  config.memory_limit = options.memory_limit;
  config.download_limit = options.download_limit;
  config.upload_limit = options.upload_limit;
  config.direct_files = options.direct_files;
  config.uploads = options.uploads;
  config.upload_delay = options.upload_delay;
  config.state_directory = state_directory(options, paths);
  config.shutdown_timeout = options.shutdown_timeout;
  config.recover = options.recover;
  config.import_links = options.import_links;
  config.upload_to = {.import = options.upload_by_import, .stores = options.stores};
  // A part of the catalogue must not be taken for all of it.
  if (const auto key = client::catalogue_key(cloud, who)) {
    config.catalogue_key = *key + listed_part(config);
  }
  return config;
}

std::string mount_source(const Options& options, const std::string& label) {
  return options.source.empty() ? label : options.source;
}

MountConfig mount_config(const Options& options, const std::string& label,
                         const std::string& mount_point) {
  MountConfig config{.directory = mount_point,
                     .source = mount_source(options, label),
                     .flags = options.mount_flags,
                     .allow_other = options.allow_other,
                     .options = options.fuse_options,
                     .passthrough = options.passthrough};
  std::erase(config.options, "allow_other");
  return config;
}

ShutdownSteps shutdown_steps(Filesystem& files, FuseSession& fuse, const MountPoint& place,
                             const std::string& mount_point) {
  return {
      .detach =
          [&] {
            place.unmount(mount_point, MNT_DETACH);
            fuse.detached();
          },
      .finish_uploads = [&](auto until, const auto& stop) { files.finish_uploads(until, stop); },
      .exit = [&] { fuse.request_exit(); }};
}

// Builds the file system from the ground up, login first, and serves until it is unmounted.
void serve(const Options& options, const Environment& environment, const Paths& paths,
           const client::Cloud& cloud, const MountPoint& place, const std::string& mount_point,
           Ready& ready) {
  open_log(options, paths);
  const Clock clock;
  client::CurlTransport transport(transport_config(options, cloud, environment));
  client::Session session(cloud, transport, clock);
  const auto snapshots = open_snapshots(cache_directory(options, paths));
  const auto config_for = [&](const client::Identity& who) {
    return filesystem_config(options, paths, cloud, who);
  };
  const KnownLogin login =
      log_in(session, snapshots.get(), options.offline,
             [&](const client::Identity& who) { return config_for(who).catalogue_key; });
  client::Glance images(session);
  const Config config = config_for(login.identity);
  check_shown_part(config);
  // Without the cloud the uploads themselves find out.
  if (!config.read_only && !login.offline) check_destination(config.upload_to, images, {});
  const auto store = cache::open_disk_store(store_config(options, paths));
  const auto spools = cache::open_spools(state_directory(options, paths), options.spool_size);
  Filesystem files(config, images, *store, *spools, snapshots.get());
  Executor metadata(kMetadataThreads);
  Executor transfers(kTransferThreads);
  FuseSession fuse(files, metadata, transfers, mount_config(options, cloud.label(), mount_point));
  fuse.mount();
  {
    const UnmountNotice notice(mount_source(options, cloud.label()), mount_point);
    Shutdown shutdown(options.shutdown_timeout, shutdown_steps(files, fuse, place, mount_point));
    const ExitSignals signals([&] { shutdown.signal(); });
    fuse.run([&] {
      ready.ready(options.verbose ? cloud.label() + " mounted on " + mount_point : "");
      log::info("{} mounted on {}", cloud.label(), mount_point);
    });
    shutdown.finish();
  }
  log::info("{} is unmounted", mount_point);
  session.log_out();
}

int mount(const Options& options, const Environment& inherited, const std::string& directory) {
  const Environment environment = effective_environment(inherited, options);
  const Person person = effective_user(environment);
  const Paths paths = default_paths(person, environment);
  const MountPoint place(person);
  place.check_fuse(options);
  const MountPoint::Checked checked = place.check_directory(options.mount_point, options.source);
  for (const std::string& note : checked.notes) {
    std::cerr << options.program << ": " << note << "\n";
  }
  const client::Cloud cloud = load_chosen_cloud(options, environment, person, directory);
  settle_environment(options);
  const Startup startup{.program = options.program,
                        .foreground = options.foreground,
                        .limit = options.mount_timeout,
                        .undo = [&] { place.clear_stale(checked.path); }};
  return start(startup, [&](Ready& ready) {
    serve(options, environment, paths, cloud, place, checked.path, ready);
  });
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
