// glancefs and mount.glancefs: from the command line to a command, or to a mounted catalogue.
#include <filesystem>
#include <iostream>

#include "fs/command/commands.h"
#include "fs/mount/chosen_cloud.h"
#include "fs/mount/command_line.h"
#include "fs/mount/daemon.h"
#include "fs/mount/effective_options.h"
#include "fs/mount/handed_mount.h"
#include "fs/mount/process.h"
#include "fs/mount/remount.h"
#include "fs/mount/start_error.h"
#include "fs/mount/unmount.h"
#include "fs/serve.h"

namespace glancefs::fs {
namespace {

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
