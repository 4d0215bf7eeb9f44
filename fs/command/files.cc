#include "fs/command/files.h"

#include <limits>
#include <ostream>

#include "fs/command/mounts.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {

const std::vector<std::string>& named_files(const CommandCall& call, std::string_view usage) {
  call.arguments.expect_positionals(1, std::numeric_limits<std::size_t>::max(), usage);
  return call.arguments.positionals();
}

std::vector<std::string> for_each_file(const CommandCall& call,
                                       const std::vector<std::string>& files,
                                       const FileWork& work) {
  const Interrupt interrupt;
  std::vector<std::string> done;
  for (const std::string& word : files) {
    try {
      const MountedFile file = file_on_mount(absolute_path(word, call.directory));
      Daemon daemon(file.mount, call.environment, interrupt);
      work(daemon, {.name = word, .words = {{"node", file.node}}});
      done.push_back(word);
    } catch (const std::runtime_error& error) {
      complain(call.err, error.what(), "");
    }
  }
  return done;
}

CommandExit for_named_files(const CommandCall& call, std::string_view usage, const FileWork& work) {
  const auto& files = named_files(call, usage);
  const bool all = for_each_file(call, files, work).size() == files.size();
  return all ? CommandExit::kDone : CommandExit::kFailed;
}

CommandExit show_answer(const CommandCall& call, std::string_view usage, const std::string& verb) {
  call.arguments.expect_positionals(1, 1, usage);
  const OutputChoice choice = call.arguments.output();
  const Interrupt interrupt;
  const std::string& word = call.arguments.positionals().front();
  const MountedFile file = file_on_mount(absolute_path(word, call.directory));
  Daemon daemon(file.mount, call.environment, interrupt);
  call.out << show_text(fields_of(daemon.ask(verb, {{"node", file.node}}, word)), choice);
  return CommandExit::kDone;
}

}  // namespace glancefs::fs
