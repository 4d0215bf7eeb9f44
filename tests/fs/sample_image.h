// Images to try extended attributes on.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <system_error>

#include "client/images.h"

namespace glancefs::fs {

inline constexpr const char* kId = "1234abcd-0000-4000-8000-00000000ffff";

/// Every field has a value.
inline client::Image full_image() {
  client::Image image;
  image.id = kId;
  image.name = "cirros";
  image.status = client::Status::kActive;
  image.status_word = "active";
  image.visibility = client::Visibility::kShared;
  image.owner = "project";
  image.disk_format = "qcow2";
  image.container_format = "bare";
  image.size = 9000000000000000000U;
  image.virtual_size = 117440512;
  image.checksum = "d41d8cd98f00b204e9800998ecf8427e";
  image.hash_algorithm = "sha512";
  image.hash = "cf83";
  image.min_disk = 1;
  image.min_ram = 512;
  image.is_protected = true;
  image.hidden = true;
  image.tags = {"a,b", "c"};
  image.created = std::chrono::sys_days(std::chrono::year(2024) / 2 / 29) + std::chrono::hours(1);
  image.updated = image.created + std::chrono::seconds(61);
  image.properties = {{"architecture", "x86_64"},
                      {"os_glance_failed_import", ""},
                      {"os_distro", "cirros"},
                      {"stores", "fast,slow"}};
  std::ranges::sort(image.properties);
  return image;
}

/// A queued image without anything.
inline client::Image draft() {
  client::Image image;
  image.id = kId;
  image.status = client::Status::kQueued;
  return image;
}

/// The errno that `action` throws; 0: none.
inline int error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::system_error& error) {
    return error.code().category() == std::generic_category() ? error.code().value() : -1;
  }
  return 0;
}

}  // namespace glancefs::fs
