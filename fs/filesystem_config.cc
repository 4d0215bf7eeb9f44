#include "fs/filesystem_config.h"

#include "fs/catalogue/shown_part.h"
#include "fs/mount/configuration.h"
#include "fs/mount/remount.h"

namespace glancefs::fs {

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

}  // namespace glancefs::fs
