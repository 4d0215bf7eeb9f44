// Commands that do something with each of several files on mounts.
#pragma once

#include <functional>
#include <string>

#include "fs/command/commands.h"
#include "fs/command/daemon.h"

namespace glancefs::fs {

/// A file, as its daemon is asked about it.
struct FileQuestion {
  std::string name;  ///< as it was typed
  Json words;        ///< {"node": …}
};

/// The files that the command names, one at least. Throws UsageError.
const std::vector<std::string>& named_files(const CommandCall& call, std::string_view usage);

using FileWork = std::function<void(Daemon& daemon, const FileQuestion& file)>;
/// Calls `work` with each of `files`, whatever became of those before it; its errors are printed.
/// Answers those that it was done for.
std::vector<std::string> for_each_file(const CommandCall& call,
                                       const std::vector<std::string>& files, const FileWork& work);
/// The same for all that the command names. kFailed: it was not done for all.
CommandExit for_named_files(const CommandCall& call, std::string_view usage, const FileWork& work);

/// Prints what the daemon of the only file that the command names answers to `verb`.
CommandExit show_answer(const CommandCall& call, std::string_view usage, const std::string& verb);

}  // namespace glancefs::fs
