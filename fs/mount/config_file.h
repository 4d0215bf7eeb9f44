// glancefs.conf: which there are, and the lines in them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fs/mount/option_word.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {

/// `OPTION = VALUE`, or `OPTION` alone.
struct ConfigLine {
  OptionWord word;
  std::string section;  ///< the cloud it is for; empty: all
  unsigned number = 0;  ///< in the file, from 1
};

/// One file. May hold secrets.
struct ConfigFile {
  std::string path;             ///< absolute
  bool world_readable = false;  ///< then it must hold no secrets
  std::vector<ConfigLine> lines;
};

/// The lines of a configuration file. `#` begins a comment, at the beginning of a line or after a
/// blank; a value may stand between double quotes, in which a backslash protects a quote and
/// itself. `[NAME]` begins the lines for one cloud. Throws StartError (kUsage) whose text begins
/// with `path` and the number of the line.
std::vector<ConfigLine> parse_config_file(std::string_view text, const std::string& path);

/// Reads the file at `path`. Throws StartError (kUsage): it cannot be read, is no file, is longer
/// than a MiB, or everybody can write it.
ConfigFile read_config_file(const std::string& path);

/// Where configuration files lie.
struct ConfigPlaces {
  std::string system;  ///< a directory, as /etc/glancefs; empty: none
  std::string person;  ///< the directory of the person's own file; empty: none
};

/// /etc/glancefs, and glancefs below the person's XDG_CONFIG_HOME (~/.config).
ConfigPlaces config_places(const Person& person, const Environment& environment);

/// The files there, the weakest first: system/glancefs.conf, system/conf.d/*.conf by name, and
/// person/glancefs.conf. Those that do not exist are left out. Throws as read_config_file().
std::vector<ConfigFile> read_config_files(const ConfigPlaces& places);

}  // namespace glancefs::fs
