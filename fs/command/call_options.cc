#include "fs/command/call_options.h"

#include <fmt/core.h>

#include <utility>
#include <vector>

#include "fs/command/usage_error.h"
#include "fs/mount/effective_options.h"
#include "fs/mount/option_table.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {

ParsedOptions options_of(const CommandCall& call, const std::string& cloud) {
  Options base = default_options();
  base.program = "glancefs";
  base.foreground = true;  // it is not said where the daemon would run
  base.cloud = cloud;
  std::vector<OptionWord> words;
  for (const std::string& list : call.arguments.values(kMountOptionsOption.name)) {
    for (OptionWord& word : split_options(list)) {
      if (is_secret_option(word.name)) {
        throw UsageError(fmt::format("{} would be seen by everybody here", word.name),
                         "give it as a variable, or in clouds.yaml");
      }
      words.push_back(std::move(word));
    }
  }
  try {
    return effective_options(base, words, call.environment, call.directory,
                             [&](const Options& /*base*/, const std::string& named) {
                               return read_chosen_config(named, call.environment);
                             });
  } catch (const StartError& error) {
    throw UsageError(error.what(), error.hint());
  }
}

}  // namespace glancefs::fs
