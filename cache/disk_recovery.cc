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
std::map<std::string, Found> find_objects(const PrivateDirectory& files) {
  std::map<std::string, Found> objects;
  for (const std::string kind : {"partial", "sealed"}) {
    for (const auto& shard : files.list(kind)) {
      const std::string directory = kind + "/" + shard;
      for (const auto& file : list_shard(files, directory)) {
        const std::string name = directory + "/" + file.substr(0, file.rfind('.'));
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

}  // namespace

void reconcile(const PrivateDirectory& files, Index& index, bool alone) {
  std::map<std::string, IndexRow> rows;
  for (const auto& row : index.rows()) rows.emplace(row.name, row);
  const auto objects = find_objects(files);
  for (const auto& [name, row] : rows) {
    const auto found = objects.find(name);
    if (found == objects.end() || !found->second.map) index.remove(name);
  }
  for (const auto& [name, found] : objects) {
    const std::uint64_t allocated = files.allocated(data_of(name));
    const auto row = rows.find(name);
    if (found.data && found.map && row != rows.end()) {
      // After a crash the row may be older than the file, or hold room that was never used.
      if (alone) index.set_bytes(name, std::min(allocated, row->second.size));
      continue;
    }
    const auto header = found.data && found.map ? header_of(files, name) : std::nullopt;
    if (header) {
      index.use(
          {.name = name, .size = header->key.size, .bytes = std::min(allocated, header->key.size)},
          header->key.source);
    } else if (alone) {
      remove_object(files, name);
      if (row != rows.end()) index.remove(name);
    }
  }
}

}  // namespace glancefs::cache
