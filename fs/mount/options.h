// Everything that a mount can be told, as typed values.
#pragma once

#include <sys/mount.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "client/images.h"
#include "fs/attributes/xattr_list.h"
#include "fs/metrics/listen_address.h"
#include "fs/mount/option_value.h"
#include "fs/read/verify.h"
#include "fs/write/recover.h"
#include "fs/write/replaced.h"

namespace glancefs::fs {

/// Environment variables by name. May hold secrets.
using Environment = std::map<std::string, std::string>;

/// What the command line, the mount options and the environment ask for. The rows of the option
/// table fill it, starting from their defaults: use default_options(), not Options{}.
struct Options {
  std::string program;  ///< as it was called; begins every message
  std::string cloud;    ///< the name in clouds.yaml; empty: decided by load_cloud()
  /// What the mount table shall show, exactly as mount(8) passed it (otherwise `mount -a` would not
  /// recognise the mount and stack a second one on it). Empty: the cloud's label.
  std::string source;
  std::string mount_point;      ///< absolute
  std::string mount_namespace;  ///< file of the namespace to mount in; empty: ours

  /// The only configuration file to read, absolute; "none"; empty: those of config_places().
  std::string config;

  bool foreground = false;  ///< do not become a daemon
  bool verbose = false;     ///< say that the mount succeeded
  bool sloppy = false;      ///< warn of unknown options instead of failing

  bool read_only = false;
  bool background = false;  ///< while nobody answers at the start, go on trying in the background
  std::chrono::milliseconds retry{};  ///< for so long
  /// Whether the mount goes when the daemon dies. nullopt: for others than root.
  std::optional<bool> auto_unmount;
  bool offline = false;  ///< mount the last catalogue when the cloud does not answer
  bool allow_other = false;
  uid_t uid = 0;     ///< owner of everything in the mount
  gid_t gid = 0;     ///< group of everything in the mount
  mode_t umask = 0;  ///< permission bits taken away

  unsigned long mount_flags = MS_NOSUID | MS_NODEV;  ///< MS_* of mount(2)
  /// Further words for the kernel or libfuse, as in "max_read=65536"; allow_other is among them.
  std::vector<std::string> fuse_options;

  std::string cache_directory;  ///< absolute; empty: Paths::cache
  std::string state_directory;  ///< absolute; empty: Paths::state
  Amount cache_size, cache_min_free;
  std::uint64_t spool_size = 0;  ///< bytes of all files being written together; 0: no limit
  bool passthrough = false;      ///< whether the kernel may read and write files by itself

  /// "auto", "stderr", "syslog", "journal", "journal:PATH" or an absolute path.
  std::string log;
  log::Level log_level = log::Level::kWarning;
  log::Format log_format = log::Format::kText;
  bool http_debug = false;  ///< log each request to the cloud
  /// Where metrics are served; nullopt: nowhere.
  std::optional<ListenAddress> metrics_listen;

  std::chrono::milliseconds metadata_ttl{};      ///< age at which the catalogue is asked again
  std::chrono::milliseconds connect_timeout{};   ///< to reach a server
  std::chrono::milliseconds timeout{};           ///< longest silence of a server
  std::chrono::milliseconds mount_timeout{};     ///< until the mount must be usable
  std::chrono::milliseconds upload_delay{};      ///< after the last writer of a file has gone
  std::chrono::milliseconds shutdown_timeout{};  ///< for uploads, at the end
  unsigned connections = 0;                      ///< downloads at the same time
  unsigned uploads = 0;                          ///< at the same time
  std::uint64_t memory_limit = 0;                ///< bytes, of the whole process, roughly
  std::uint64_t download_limit = 0;              ///< bytes per second; 0: none
  std::uint64_t upload_limit = 0;                ///< bytes per second; 0: none
  Verify verify = Verify::kFull;
  bool direct_files = false;  ///< read file stores without Glance
  Recover recover = Recover::kAuto;

  bool upload_by_import = false;    ///< stage and import what is written, instead of one PUT
  std::vector<std::string> stores;  ///< where it goes; empty: the site's default

  bool import_links = false;  ///< `ln -s URL` has Glance fetch it
  bool removal = false;       ///< whether rm deletes images
  bool replace = false;       ///< whether images can be written over, by new ones
  Replaced replaced = Replaced::kHide;
  bool hidden = false;                           ///< show images with os_hidden
  bool all_projects = false;                     ///< show other projects' images
  std::vector<client::Visibility> visibilities;  ///< the only ones that are shown; empty: all
  /// What is the root of the mount: empty, a visibility, or "projects/NAME".
  std::string subdirectory;
  XattrList xattrs = XattrList::kAll;
  bool check_properties = false;              ///< by the site's definitions
  std::string disk_format, container_format;  ///< of files whose bytes say nothing

  /// The words that decided the above, in canonical spelling and without secrets: what
  /// `mount -o remount` is compared with. Options that are not here have their defaults.
  std::map<std::string, std::string> given;

  bool insecure = false;  ///< do not check certificates
  /// The options os-* by the names of their OS_* variables. May hold secrets.
  std::map<std::string, std::string> cloud_overrides;
  /// The same of configuration files: they count less than OS_* variables.
  std::map<std::string, std::string> cloud_defaults;
  /// The options env.NAME=VALUE. May hold secrets.
  Environment environment;
};

}  // namespace glancefs::fs
