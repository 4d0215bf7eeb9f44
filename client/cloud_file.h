// clouds.yaml and its companions, as trees of text.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cloud.h"

namespace glancefs::client {

/// What YAML and JSON have in common: a text, a list or a map; nothing of these is a null.
struct ConfigTree {
  std::optional<std::string> text;
  std::vector<ConfigTree> list;
  std::map<std::string, ConfigTree> map;

  /// The member called `key`; null when there is none.
  const ConfigTree* find(const std::string& key) const;
};

/// Lays `over` on `base`: maps member by member, everything else replaced.
void merge(ConfigTree& base, const ConfigTree& over);

/// Writes - in keys as _, at every level: both spellings mean the same.
ConfigTree with_plain_keys(const ConfigTree& tree);

/// The tree in YAML or JSON text, with merge keys (<<) resolved. `source` names it in messages.
/// Throws CloudError when it cannot be parsed, or is nested or repeats itself without end.
ConfigTree parse_config(const std::string& text, const std::string& source);

/// The configuration files that count, read and merged.
struct CloudFiles {
  ConfigTree clouds;                        ///< by name: clouds.* with secure.* on top
  ConfigTree profiles;                      ///< by name: clouds-public.*
  ConfigTree secrets;                       ///< what secure.* adds
  std::string path;                         ///< of clouds.*; empty: there is none
  std::string secrets_path, profiles_path;  ///< the same of the other two
  std::vector<std::string> searched;        ///< "PATH: not found" or "PATH: why it cannot be read"
};

/// Looks where `sources` says: of clouds.*, of secure.* and of clouds-public.* the first that can
/// be read counts, each for itself. Throws CloudError for one that cannot be parsed.
CloudFiles read_cloud_files(const CloudSources& sources);

}  // namespace glancefs::client
