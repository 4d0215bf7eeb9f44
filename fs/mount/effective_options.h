// The options that count in the end: of the command line, the environment and configuration files.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fs/mount/config_file.h"
#include "fs/mount/option_parser.h"

namespace glancefs::fs {

/// Answers the configuration files that count. `named`: the option config, absolute, "none", or
/// empty. `base` has the mount namespace in which they are looked for.
using ConfigReader =
    std::function<std::vector<ConfigFile>(const Options& base, const std::string& named)>;

/// The files of config_places(), or the one that is `named`, or none. Throws StartError as
/// read_config_file().
std::vector<ConfigFile> read_chosen_config(const std::string& named,
                                           const Environment& environment);

/// parse_options() with the files that `read` answers; without `read` there are none. Which cloud's
/// lines count besides those for all, client::describe_cloud() decides by the latter. Throws
/// StartError.
ParsedOptions effective_options(const Options& base, const std::vector<OptionWord>& words,
                                const Environment& environment, const std::string& directory,
                                const ConfigReader& read);

}  // namespace glancefs::fs
