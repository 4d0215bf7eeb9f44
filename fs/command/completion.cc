#include "fs/command/completion.h"

#include <array>
#include <ostream>
#include <utility>

#include "client/cloud.h"
#include "fs/command/usage_error.h"
#include "fs/mount/chosen_cloud.h"
#include "fs/mount/option_table.h"

namespace glancefs::fs {

CommandExit print_completion(const CommandCall& call) {
  constexpr const char* kUsage = "glancefs completion bash|zsh|fish, or --clouds";
  if (call.arguments.has(kCloudsOption.name)) {
    call.arguments.expect_positionals(0, 0, kUsage);
    const auto sources = cloud_sources(default_options(), call.environment,
                                       effective_user(call.environment), call.directory);
    for (const std::string& name : client::cloud_names(sources)) call.out << name << "\n";
    return CommandExit::kDone;
  }
  call.arguments.expect_positionals(1, 1, kUsage);
  const std::string& shell = call.arguments.positionals().front();
  constexpr std::array<std::pair<std::string_view, std::string (*)()>, 3> kShells{
      {{"bash", bash_completion}, {"zsh", zsh_completion}, {"fish", fish_completion}}};
  for (const auto& [name, script] : kShells) {
    if (name != shell) continue;
    call.out << script();
    return CommandExit::kDone;
  }
  throw UsageError("unknown shell \"" + shell + "\"", kUsage);
}

}  // namespace glancefs::fs
