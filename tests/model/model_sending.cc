// The way of a file to Glance.
#include <cerrno>

#include "tests/model/model.h"

namespace glancefs::model {
namespace {

// What a site is told of bytes that say nothing.
void declare(Image& image) {
  if (!image.disk_format) image.disk_format = "raw";
  if (!image.container_format) image.container_format = "bare";
}

}  // namespace

int Model::send(int number) {
  File& file = files.at(number);
  Local& local = local_of(number);
  local.changed = local.held = local.failed = false;
  local.whole = true;
  Image image = local.wanted;
  declare(image);
  int error = request();
  if (error == 0) {
    const bool there = local.found && file.truth && visible(*file.truth);
    error = there ? send_found(file, local, image) : send_created(file, local, image);
  }
  if (error != 0) {
    local.failed = true;
    return error;
  }
  local.done = true;
  file.local = 0;
  file.seen = file.truth;
  file.cached = true;
  return 0;
}

int Model::send_created(File& file, Local& local, Image image) {
  site_known_ = true;
  for (const std::string key : {"disk_format", "container_format"}) {
    if (!is_known_format(key, all_fields(image).at(key))) return EINVAL;
  }
  // Whoever had made the record has removed it.
  local.found = false;
  file.seen = nullptr;
  if (image.visibility == "public") return EACCES;
  image.status = "queued";
  image.members.clear();
  image.stores.clear();
  auto version = std::make_shared<Version>();
  version->image = image;
  const VersionPtr before = file.truth;
  const int error = put(file, local, version);
  if (error != 0) file.truth = before;
  return error;
}

// Somebody else made the record: what counts is what was set here.
int Model::send_found(File& file, Local& local, Image image) {
  const Image& known = file.truth->image;
  const bool same = known.status == "active" && *file.truth->bytes == local.bytes;
  if (known.status != "queued" && !same) {
    const bool busy = known.status == "saving" || known.status == "uploading";
    return busy ? EBUSY : EPERM;
  }
  auto version = std::make_shared<Version>(*file.truth);
  Image& after = version->image;
  if (known.status == "queued") {
    site_known_ = true;
    if (!known.disk_format) after.disk_format = image.disk_format;
    if (!known.container_format) after.container_format = image.container_format;
    for (const std::string key : {"disk_format", "container_format"}) {
      if (!is_known_format(key, all_fields(image).at(key))) return EINVAL;
    }
  }
  if (local.moved) {
    after.name = image.name;
    after.visibility = image.visibility;
  }
  for (const auto& [key, text] : local.here) {
    if (key != "stores") set_field(after, key, text);
  }
  const bool changed = all_fields(after) != all_fields(known);
  const bool published = after.visibility == "public" && known.visibility != "public";
  if (same) {  // it is there: what cannot be set on it is no reason to refuse
    if (!changed || published) return 0;
  } else if (published) {
    return EACCES;
  }
  version->fresh = true;
  if (same) {
    file.truth = version;
    return 0;
  }
  if (changed) {
    file.truth = version;
    version = std::make_shared<Version>(*version);
  }
  return put(file, local, version);
}

int Model::put(File& file, Local& local, VersionPtr version) {
  version->fresh = true;
  if (!local.bytes.empty()) {
    if (take_fault("quota")) return EDQUOT;
    if (take_fault("store full")) return ENOSPC;
    if (take_fault("too large")) return EFBIG;
    const auto chosen_stores = local.here.find("stores");
    version->image.status = "active";
    version->image.size = local.bytes.size();
    version->image.stores = {chosen_stores == local.here.end() ? "fast" : chosen_stores->second};
    version->bytes = std::make_shared<const std::string>(local.bytes);
  }
  file.truth = version;
  return 0;
}

}  // namespace glancefs::model
