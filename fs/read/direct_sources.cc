#include "fs/read/direct_sources.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/fd.h"
#include "base/log.h"
#include "client/locations.h"

namespace glancefs::fs {
namespace {

constexpr std::string_view kFileUrl = "file://";

}  // namespace

std::vector<std::string> store_paths(const client::Image& image) {
  std::vector<std::string> paths;
  for (const std::string& url : client::data_urls(image)) {
    if (!url.starts_with(kFileUrl)) continue;
    std::string path = url.substr(kFileUrl.size());
    if (path.starts_with('/') && path.ends_with("/" + image.id)) paths.push_back(std::move(path));
  }
  return paths;
}

cache::EntryPtr DirectSources::open(const client::Image& image, const cache::Key& key) const {
  if (!config_.files) return nullptr;
  for (const std::string& path : store_paths(image)) {
    // A FIFO in its place must not hold us up.
    Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file) {
      log::debug("image {}: {}: {}", image.id, path, std::strerror(errno));
      continue;
    }
    try {
      if (auto entry = cache::open_foreign_file(key, std::move(file), proven_)) return entry;
      log::info("image {}: {} is not its data; reading it from Glance", image.id, path);
    } catch (const std::system_error& error) {
      log::info("image {}: {}: {}", image.id, path, error.what());
    }
  }
  return nullptr;
}

}  // namespace glancefs::fs
