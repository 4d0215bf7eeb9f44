// What a mount is made of before there is a daemon.
#pragma once

#include <string>

#include "client/cloud.h"
#include "fs/mount/mount_point.h"
#include "fs/mount/options.h"
#include "fs/mount/paths.h"
#include "fs/mount/service_manager.h"

namespace glancefs::fs {

/// Constant; what it refers to outlives the daemon. Holds secrets.
struct Setting {
  const Options& options;
  const Environment& environment;  ///< as it counts; holds secrets
  const std::string& directory;    ///< where relative files start
  const Person person;
  const Paths paths;
  const client::Cloud cloud;
  const MountPoint place;
  const std::string mount_point;
  const int handed;  ///< the descriptor of a mount that is there already; -1: we mount
  const ServiceManager manager;
};

/// One line for people: what is mounted where.
inline std::string mounted_text(const Setting& setting) {
  return setting.cloud.label() + " mounted on " + setting.mount_point;
}

}  // namespace glancefs::fs
