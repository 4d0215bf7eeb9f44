#include "fs/mount/effective_options.h"

#include <algorithm>

#include "fs/mount/chosen_cloud.h"
#include "fs/mount/process.h"

namespace glancefs::fs {
namespace {

constexpr const char* kNoFile = "none";

bool has_sections(const std::vector<ConfigFile>& files) {
  return std::ranges::any_of(files, [](const ConfigFile& file) {
    return std::ranges::any_of(file.lines,
                               [](const ConfigLine& line) { return !line.section.empty(); });
  });
}

/// The name of the cloud that these options choose; empty when none can be.
std::string cloud_name(const Options& options, const Environment& environment,
                       const std::string& directory) {
  const Environment effective = effective_environment(environment, options);
  try {
    return describe_chosen_cloud(options, effective, effective_user(effective), directory)
        .name.value;
  } catch (const client::CloudError&) {
    return options.cloud;  // why, it will be said when the cloud is loaded
  }
}

}  // namespace

std::vector<ConfigFile> read_chosen_config(const std::string& named,
                                           const Environment& environment) {
  if (named == kNoFile) return {};
  if (!named.empty()) return {read_config_file(named)};
  return read_config_files(config_places(effective_user(environment), environment));
}

ParsedOptions effective_options(const Options& base, const std::vector<OptionWord>& words,
                                const Environment& environment, const std::string& directory,
                                const ConfigReader& read) {
  ParsedOptions parsed = parse_options(base, words, environment, directory);
  if (!read) return parsed;
  const std::vector<ConfigFile> files = read(base, parsed.options.config);
  if (files.empty()) return parsed;
  parsed = parse_options(base, words, environment, directory, files);
  if (!has_sections(files)) return parsed;
  const std::string cloud = cloud_name(parsed.options, environment, directory);
  return parse_options(base, words, environment, directory, files, cloud);
}

}  // namespace glancefs::fs
