// Glance's database: images, their members, stores and tasks.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "tests/devcloud/blob.h"
#include "tests/devcloud/config.h"

namespace glancefs::devcloud {

using Time = std::chrono::system_clock::time_point;

struct Member {
  std::string status = "pending";
  Time created_at;
  Time updated_at;
};

/// An image as the database holds it.
struct Image {
  std::string id;
  std::optional<std::string> name;
  std::string status = "queued";
  std::string visibility = "shared";
  std::optional<std::string> owner;  ///< project id
  std::optional<std::string> disk_format;
  std::optional<std::string> container_format;
  std::optional<std::uint64_t> size;
  std::optional<std::uint64_t> virtual_size;
  std::optional<std::string> checksum;       ///< md5, hex
  std::optional<std::string> os_hash_value;  ///< sha512, hex
  std::int64_t min_disk = 0;
  std::int64_t min_ram = 0;
  bool is_protected = false;
  bool hidden = false;
  std::set<std::string> tags;
  std::map<std::string, std::string> properties;
  std::vector<std::string> stores;   ///< where the data lies
  std::shared_ptr<const Blob> data;  ///< null: none, or lost
  std::shared_ptr<const Blob> staged;
  std::map<std::string, Member> members;
  Time created_at;
  Time updated_at;
};

/// What an image becomes when bytes have arrived: size, hashes, virtual size, data, active.
void fill(Image& image, std::shared_ptr<const Blob> data, const Hashes& hashes);
/// The virtual size Glance would find: only for bare containers whose bytes are what disk_format
/// says.
std::optional<std::uint64_t> virtual_size(const Image& image, const Blob& data);
/// The format the bytes are in, as far as they tell; "raw" when they do not.
std::string sniff_format(const Blob& data);

struct Task {
  std::string id;
  std::string image_id;
  std::string owner;
  std::string status = "pending";
  std::string message;
  std::string input;  ///< JSON
  Time created_at;
  Time updated_at;
};

/// The database. Hold `mutex` while touching the maps; never over network or hashing.
struct Catalogue {
  mutable Mutex mutex;
  std::map<std::string, Image> images GUARDED_BY(mutex);
  std::map<std::string, Image> deleted GUARDED_BY(mutex);  ///< their ids are never free again
  std::map<std::string, Task> tasks GUARDED_BY(mutex);

  /// Bytes held for a project (nullptr: all), staged ones not counted.
  std::uint64_t used_bytes(const std::string* owner) const REQUIRES(mutex);
  std::uint64_t staged_bytes(const std::string& owner) const REQUIRES(mutex);
  std::size_t count(const std::string& owner) const REQUIRES(mutex);
  std::size_t count_uploading(const std::string& owner) const REQUIRES(mutex);
  /// Bytes in one store.
  std::uint64_t store_bytes(const std::string& store) const REQUIRES(mutex);
};

/// A random UUID in lower case.
std::string new_uuid();
/// YYYY-MM-DDThh:mm:ssZ
std::string iso_time(Time time);
/// The same with microseconds, as Keystone writes times.
std::string iso_time_micro(Time time);
/// Parses ISO 8601: date, optional time, fraction and offset.
std::optional<Time> parse_iso_time(std::string_view text);

}  // namespace glancefs::devcloud
