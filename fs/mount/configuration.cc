#include "fs/mount/configuration.h"

namespace glancefs::fs {

client::TransportConfig transport_config(const Options& options, const client::Cloud& cloud,
                                         const Environment& environment) {
  client::TransportConfig config = client::transport_config(cloud, environment);
  config.connect_timeout = options.connect_timeout;
  config.silence_timeout = options.timeout;
  return config;
}

std::string cache_directory(const Options& options, const Paths& paths) {
  return options.cache_directory.empty() ? paths.cache : options.cache_directory;
}

std::string state_directory(const Options& options, const Paths& paths) {
  return options.state_directory.empty() ? paths.state : options.state_directory;
}

cache::DiskStoreConfig store_config(const Options& options, const Paths& paths) {
  const std::string directory = cache_directory(options, paths);
  const std::uint64_t disk = filesystem_size(directory);
  return {.directory = directory,
          .limit = options.cache_size.of(disk),
          .min_free = options.cache_min_free.of(disk)};
}

std::string mount_source(const Options& options, const std::string& label) {
  return options.source.empty() ? label : options.source;
}

}  // namespace glancefs::fs
