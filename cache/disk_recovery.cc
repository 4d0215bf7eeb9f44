#include "cache/disk_recovery.h"

#include <fcntl.h>

#include <algorithm>
#include <map>

#include "base/log.h"
#include "cache/map_file.h"
#include "cache/object_name.h"

namespace glancefs::cache {
namespace {

constexpr std::string_view kDataSuffix = ".data";
constexpr std::string_view kMapSuffix = ".map";

struct Found {
  bool data = false, map = false;
};
using Objects = std::map<std::string, Found>;

/// The files in it; none when it is not a directory.
std::vector<std::string> list_shard(const PrivateDirectory& files, const std::string& directory) {
  try {
    return files.list(directory);
  } catch (const std::system_error& error) {
    log::warning("{}", error.what());
    return {};
  }
}

/// Every object of which at least one file is there.
Objects find_objects(const PrivateDirectory& files) {
  Objects objects;
  for (const std::string kind : {"partial", "sealed"}) {
    for (const auto& shard : files.list(kind)) {
      const std::string directory = fmt::format("{}/{}", kind, shard);
      for (const auto& file : list_shard(files, directory)) {
        const std::string name = fmt::format("{}/{}", directory, file.substr(0, file.rfind('.')));
        if (file.ends_with(kDataSuffix)) objects[name].data = true;
        if (file.ends_with(kMapSuffix)) objects[name].map = true;
      }
    }
  }
  return objects;
}

/// What the map of `name` says, if it is where it says it belongs.
std::optional<MapHeader> header_of(const PrivateDirectory& files, const std::string& name) {
  try {
    Fd fd = files.open_file(map_of(name), O_RDONLY);
    if (!fd) return std::nullopt;
    auto header = MapFile(std::move(fd)).header();
    if (!header) return std::nullopt;
    const bool belongs = name == partial_name(header->key.source) ||
                         (header->sealed && name == sealed_name(header->key));
    return belongs ? header : std::nullopt;
  } catch (const std::system_error& error) {
    log::warning("{}", error.what());
    return std::nullopt;
  }
}

void remove_object(const PrivateDirectory& files, const std::string& name) {
  log::info("{}: removed a left-over of the cache", files.path_of(name));
  files.remove(data_of(name));
  files.remove(map_of(name));
}

void forget_lost(Index& index, const Objects& objects, std::map<std::string, IndexRow>& rows) {
  for (auto row = rows.begin(); row != rows.end();) {
    const auto found = objects.find(row->first);
    if (found != objects.end() && found->second.map) {
      ++row;
      continue;
    }
    index.remove(row->first);
    row = rows.erase(row);
  }
}

/// Enters an object the index does not know. False: it is not one.
bool enter(const PrivateDirectory& files, Index& index, const std::string& name) {
  const auto header = header_of(files, name);
  if (!header) return false;
  const std::uint64_t bytes = std::min(files.allocated(data_of(name)), header->key.size);
  index.use({.name = name, .size = header->key.size, .bytes = bytes}, header->key.source);
  return true;
}

}  // namespace

void reconcile(const PrivateDirectory& files, Index& index, bool alone) {
  std::map<std::string, IndexRow> rows;
  for (const auto& row : index.rows()) rows.emplace(row.name, row);
  const Objects objects = find_objects(files);
  forget_lost(index, objects, rows);
  for (const auto& [name, found] : objects) {
    const bool whole = found.data && found.map;
    const auto row = rows.find(name);
    if (whole && row == rows.end() && enter(files, index, name)) continue;
    if (!alone) continue;  // another process may be in the middle of it
    if (whole && row != rows.end()) {
      // After a crash the row may be older than the file, or hold room that was never used.
      index.set_bytes(name, std::min(files.allocated(data_of(name)), row->second.size));
      continue;
    }
    remove_object(files, name);
    if (row != rows.end()) index.remove(name);
  }
}

}  // namespace glancefs::cache
