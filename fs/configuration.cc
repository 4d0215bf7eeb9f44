#include "fs/configuration.h"

#include "fs/catalogue/shown_part.h"
#include "fs/mount/remount.h"

namespace glancefs::fs {

client::TransportConfig transport_config(const Options& options, const client::Cloud& cloud,
                                         const Environment& environment) {
  client::TransportConfig config = client::transport_config(cloud, environment);
  config.user_agent = "glancefs/" GLANCEFS_VERSION;
  config.connect_timeout = options.connect_timeout;
  config.silence_timeout = options.timeout;
  return config;
}

std::string cache_directory(const Options& options, const Paths& paths) {
  return options.cache_directory.empty() ? paths.cache : options.cache_directory;
}

cache::DiskStoreConfig store_config(const Options& options, const Paths& paths) {
  const std::string directory = cache_directory(options, paths);
  const std::uint64_t disk = filesystem_size(directory);
  return {.directory = directory,
          .limit = options.cache_size.of(disk),
          .min_free = options.cache_min_free.of(disk)};
}

std::string state_directory(const Options& options, const Paths& paths) {
  return options.state_directory.empty() ? paths.state : options.state_directory;
}

Config filesystem_config(const Options& options, const Paths& paths, const client::Cloud& cloud,
                         const client::Identity& who) {
  Config config;
  config.label = cloud.label();
  config.endpoint = who.endpoint;
  config.project_id = who.project_id;
  config.project_name = who.project_name;
  config.identity = config.endpoint + " " + config.project_id;
  config.offline = options.offline;
  config.is_admin = who.is_admin;
  config.read_only.set(options.read_only);
  config.options = options_text(options);
  config.show_hidden = options.hidden;
  config.all_projects = options.all_projects;
  config.visibilities = options.visibilities;
  config.subdirectory = options.subdirectory;
  config.allow_delete = options.removal;
  config.replace = options.replace;
  config.replaced = options.replaced;
  config.xattrs = options.xattrs;
  config.check_properties = options.check_properties;
  config.fallback_format = {.disk_format = options.disk_format,
                            .container_format = options.container_format};
  config.uid = options.uid;
  config.gid = options.gid;
  config.umask = options.umask;
  config.metadata_ttl = options.metadata_ttl;
  config.connections = options.connections;
  config.verify = options.verify;
  config.memory_limit = options.memory_limit;
  config.download_limit = options.download_limit;
  config.upload_limit = options.upload_limit;
  config.direct_files = options.direct_files;
  config.uploads = options.uploads;
  config.upload_delay = options.upload_delay;
  config.state_directory = state_directory(options, paths);
  config.shutdown_timeout = options.shutdown_timeout;
  config.recover = options.recover;
  config.import_links = options.import_links;
  config.upload_to = {.import = options.upload_by_import, .stores = options.stores};
  // A part of the catalogue must not be taken for all of it.
  if (const auto key = client::catalogue_key(cloud, who)) {
    config.catalogue_key = *key + listed_part(config);
  }
  return config;
}

std::string mount_source(const Options& options, const std::string& label) {
  return options.source.empty() ? label : options.source;
}

}  // namespace glancefs::fs
