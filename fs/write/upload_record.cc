#include "fs/write/upload_record.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "fs/attributes/member_list.h"
#include "fs/attributes/xattrs.h"
#include "fs/catalogue/names.h"
#include "fs/write/destination.h"

namespace glancefs::fs {

cache::SpoolRecord late_record(cache::SpoolRecord record) {
  log::error("{}/{} was written after it was complete; the bytes are kept as {}.late",
             record.directory, log::printable(record.name), log::printable(record.name));
  record.image_id = client::new_uuid();
  record.found = false;
  record.name += ".late";
  record.state = cache::SpoolState::kWriting;
  record.error = "written after the image was complete";
  return record;
}

client::Image image_of_record(const cache::SpoolRecord& record) {
  client::Image image;
  image.id = record.image_id;
  image.name = unescape_name(record.name);
  image.status = client::Status::kQueued;
  image.status_word = "queued";
  image.visibility = client::visibility_of(record.directory).value_or(client::Visibility::kPrivate);
  image.created = image.updated =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  for (const auto& [key, text] : record.properties) {
    // No fields of the record: where the upload goes, and whom the image is offered to then.
    if (key == kStoresKey || key == kMembersKey) {
      apply_change(image, {.key = key, .value = text});
      continue;
    }
    try {
      const auto change = set_change(image, key, text);
      if (change) apply_change(image, *change);
    } catch (const std::system_error& error) {
      // No reason to lose the bytes, nor not to mount.
      log::error("{}/{}: the journal's {} is left out: {}", record.directory,
                 log::printable(record.name), log::printable(key), error.what());
    }
  }
  return image;
}

cache::SpoolRecord record_at(cache::SpoolRecord record, const UploadPlace& place) {
  record.directory = client::to_string(place.visibility);
  record.name = escape_name(place.name);
  record.replaces = place.replaces;
  std::erase_if(record.properties, [](const auto& property) {
    return property.first == "name" || property.first == "visibility";
  });
  if (record.found) {
    record.properties.emplace_back("name", place.name);
    record.properties.emplace_back("visibility", record.directory);
  }
  return record;
}

void note_change(cache::SpoolRecord& record, const client::Change& change, std::string_view key,
                 std::string_view text) {
  std::erase_if(record.properties, [&](const auto& property) { return property.first == key; });
  if (change.value) record.properties.emplace_back(key, text);
  if (key == "name") record.name = escape_name(std::string(text));
  if (key == "visibility") record.directory = text;
}

}  // namespace glancefs::fs
