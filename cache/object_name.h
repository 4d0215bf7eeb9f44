// How an object's files are called, relative to the cache directory and without .data or .map.
#pragma once

#include <string>

#include "cache/store.h"

namespace glancefs::cache {

/// Whether proven bytes of `key` may serve every key with the same content: its hash is collision
/// resistant and has the form of one. What a stranger wrote there never reaches a path otherwise.
bool shareable(const Key& key);

/// "partial/5e/5e88…": by source, for bytes that are not proven.
std::string partial_name(const std::string& source);

/// "sealed/ab/sha512-ab12…" by content if shareable, otherwise "sealed/5e/source-5e88…".
std::string sealed_name(const Key& key);

/// The directory part: "partial/5e".
std::string directory_of(const std::string& name);

inline std::string data_of(const std::string& name) { return name + ".data"; }
inline std::string map_of(const std::string& name) { return name + ".map"; }

}  // namespace glancefs::cache
