// The commands about what a daemon has of single images.
#include <algorithm>
#include <filesystem>
#include <ostream>

#include "client/images.h"
#include "fs/command/files.h"
#include "fs/command/mount_commands.h"
#include "fs/command/mounts.h"
#include "fs/command/progress.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {
namespace {

constexpr std::chrono::milliseconds kLook{250};

CommandExit tell(const CommandCall& call, std::string_view usage, const std::string& verb) {
  return for_named_files(call, usage, [&](Daemon& daemon, const FileQuestion& file) {
    daemon.ask(verb, file.words, file.name);
  });
}

// Until all of it is here or the daemon has given up. Ctrl-C ends the waiting only.
void wait_until_here(Daemon& daemon, const FileQuestion& file, Progress& progress) {
  while (true) {
    const Json state = daemon.ask("cached", file.words, file.name);
    const auto present = state.at("present_bytes").get<std::uint64_t>();
    progress.show(std::filesystem::path(file.name).filename().string(), present,
                  state.at("size").get<std::uint64_t>());
    if (!state.at("prefetching").get<bool>()) {
      if (state.at("complete").get<bool>()) return;
      const Json& error = state.at("error");
      throw DaemonError(file.name + ": " +
                        (error.is_string() ? error.get<std::string>() : "prefetch was cancelled"));
    }
    daemon.pause(kLook);
  }
}

bool names_ids(const CommandCall& call) {
  if (call.arguments.has(kCacheDirOption.name)) return true;
  return std::ranges::all_of(call.arguments.positionals(), [&](const std::string& word) {
    return client::is_uuid(word) && !std::filesystem::exists(absolute_path(word, call.directory));
  });
}

}  // namespace

CommandExit show_cached(const CommandCall& call) {
  return show_answer(call, "glancefs cache show FILE", "cached");
}

CommandExit pin_cached(const CommandCall& call) {
  return tell(call, "glancefs cache pin FILE...", "pin");
}

CommandExit unpin_cached(const CommandCall& call) {
  return tell(call, "glancefs cache unpin FILE...", "unpin");
}

CommandExit prefetch(const CommandCall& call) {
  const auto& files = named_files(call, "glancefs cache prefetch FILE...");
  // All are under way before the first is waited for.
  auto done = for_each_file(call, files, [](Daemon& daemon, const FileQuestion& file) {
    daemon.ask("prefetch", file.words, file.name);
  });
  if (!call.arguments.has("no-wait")) {
    done = for_each_file(call, done, [&](Daemon& daemon, const FileQuestion& file) {
      Progress progress(call.err);
      wait_until_here(daemon, file, progress);
    });
  }
  return done.size() == files.size() ? CommandExit::kDone : CommandExit::kFailed;
}

CommandExit drop_cached(const CommandCall& call) {
  const char* const usage = "glancefs cache drop FILE|ID...";
  const auto& words = named_files(call, usage);
  if (names_ids(call)) return drop_from_directory(call, words);
  return tell(call, usage, "drop");
}

}  // namespace glancefs::fs
