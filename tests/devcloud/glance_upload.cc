// PUT /v2/images/{id}/file and /stage.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/devcloud/glance.h"
#include "tests/devcloud/inspection.h"

namespace glancefs::devcloud {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

Problem quota_problem(std::uint64_t size, std::uint64_t remaining) {
  return {413,
          fmt::format("Image exceeds the storage quota: The size of the data {} will exceed the "
                      "limit. {} bytes remaining.",
                      size, remaining)};
}

Problem full_problem() {
  return {
      413,
      "Image storage media is full: There is not enough disk space on the image storage media."};
}

Problem cap_problem() {
  return {413, "The incoming image is too large: The provided image is too large."};
}

}  // namespace

std::string over_limit(const std::string& project, std::string_view resource, std::int64_t limit,
                       std::int64_t usage, int delta) {
  return fmt::format(
      "The request returned a 413 Request Entity Too Large. This generally means that rate "
      "limiting "
      "or a quota threshold was breached.\n\nThe response body:\nProject {} is over a limit for "
      "[Resource {} is over limit of {} due to current usage {} and delta {}]",
      project, resource, limit, usage, delta);
}

/// An upload or staging under way.
struct Glance::Upload {
  bool staging = false;
  std::string store;
  Image start;  ///< the record as the upload found it: its end writes that back
  std::string bytes;
  bool stuck = false;  ///< leave the record where it is
};

void Glance::check_size_quota(const Caller& caller) const {
  if (!config_.limits || config_.limits->image_size_total < 0) return;
  const auto usage = static_cast<std::int64_t>(catalogue_.used_bytes(&caller.project_id) / kMiB);
  if (usage > config_.limits->image_size_total)
    throw Problem(413, over_limit(caller.project_id, "image_size_total",
                                  config_.limits->image_size_total, usage, 0));
}

// How many more bytes fit, by the user's quota or by the store's capacity.
std::optional<std::uint64_t> Glance::room(const Upload& up, bool quota) const {
  std::optional<std::uint64_t> limit;
  std::uint64_t used = 0;
  if (quota) {
    // Keystone's limits, where there are any, take this quota's place.
    if (!config_.limits) limit = config_.user_storage_quota;
    used = limit ? catalogue_.used_bytes(up.start.owner ? &*up.start.owner : nullptr) : 0;
  } else if (const StoreConfig* where = store(up.store)) {
    limit = where->capacity;
    used = limit ? catalogue_.store_bytes(up.store) : 0;
  }
  if (!limit) return std::nullopt;
  return *limit - std::min(*limit, used);
}

void Glance::begin_upload(Call& call, Upload& up) {
  std::string type = call.request.header_or("Content-Type", "");
  if (trim(type.substr(0, type.find(';'))) != "application/octet-stream")
    throw Problem(415, "", fmt::format("Invalid content type {}", type));
  const std::string* wanted = call.request.header("X-Image-Meta-Store");
  const Lock lock(catalogue_.mutex);
  if (!up.staging) check_size_quota(call.caller);
  up.store = default_store();
  if (wanted != nullptr && !up.staging) {
    up.store = *wanted;
    if (store(*wanted) == nullptr && *wanted != "os_glance_staging_store")
      throw Problem(400, fmt::format("Store for identifier {} not found", *wanted));
  }
  Image& image = find(call, call.path[1], Access::kModify);
  const std::string next = up.staging ? "uploading" : "saving";
  if (image.status != "queued")
    throw Problem(409, fmt::format("Image status transition from {} to {} is not allowed",
                                   image.status, next));
  if (image.checksum) throw Problem(500, "");  // a refused upload left its data behind
  if (!up.staging && (!image.disk_format || !image.container_format))
    throw Problem(400, fmt::format("Property {} must be set prior to saving data.",
                                   image.disk_format ? "container_format" : "disk_format"));
  const std::string owner = image.owner.value_or("");
  if (config_.limits && config_.limits->image_count_uploading >= 0) {
    const auto count = static_cast<std::int64_t>(catalogue_.count_uploading(owner)) + 1;
    if (count > config_.limits->image_count_uploading)
      throw Problem(413, over_limit(owner, "image_count_uploading",
                                    config_.limits->image_count_uploading, count, 0));
  }
  up.start = image;
  image.status = next;
  touch(image);
}

// What an announced length, or no room at all, is refused for before the body is read.
void Glance::refuse_early(std::optional<std::uint64_t> length, std::optional<std::uint64_t> quota,
                          std::optional<std::uint64_t> space) const {
  if (length && *length > config_.image_size_cap) throw cap_problem();
  if (quota && (*quota == 0 || length.value_or(0) > *quota))
    throw quota_problem(length.value_or(0), *quota);
  if (length && space && *length > *space) throw full_problem();
}

void Glance::receive(Call& call, Upload& up) {
  const auto length = call.exchange.content_length();
  std::optional<std::uint64_t> quota;
  std::optional<std::uint64_t> space;
  {
    const Lock lock(catalogue_.mutex);
    if (!up.staging) quota = room(up, true);
    space = room(up, false);
  }
  refuse_early(length, quota, space);
  std::vector<char> piece(256 * 1024);
  while (const std::size_t n = call.exchange.read_body(piece)) {
    up.bytes.append(piece.data(), n);
    if (up.bytes.size() > config_.image_size_cap) throw cap_problem();
    if (space && up.bytes.size() > *space) throw full_problem();
  }
  if (quota && up.bytes.size() > *quota) {
    up.stuck = true;  // found out too late: the record is never set back
    throw quota_problem(up.bytes.size(), *quota);
  }
  // With both headers the chunks are decoded, then cut at Content-Length.
  if (call.exchange.chunked() && length && up.bytes.size() > *length)
    up.bytes.resize(static_cast<std::size_t>(*length));
}

void Glance::restore(const Upload& up) {
  const Lock lock(catalogue_.mutex);
  const auto found = catalogue_.images.find(up.start.id);
  if (found == catalogue_.images.end() || up.stuck) return;
  std::map<std::string, Member> members = std::move(found->second.members);
  found->second = up.start;
  found->second.members = std::move(members);
  touch(found->second);
}

Response Glance::finish_upload(Call& call, Upload& up) {
  auto data = std::make_shared<const Blob>(std::move(up.bytes));
  const Hashes hashes = up.staging ? Hashes{} : data->hashes();
  const Lock lock(catalogue_.mutex);
  const auto found = catalogue_.images.find(up.start.id);
  if (found == catalogue_.images.end()) {
    Problem gone(410,
                 fmt::format("Image {} could not be found after upload. The image may have been "
                             "deleted during the upload, cleaning up the chunks uploaded.",
                             call.path[1]));
    throw gone;
  }
  // The whole record is written back as the upload's start saw it: what came meanwhile is undone.
  Image image = up.start;
  image.members = found->second.members;
  if (up.staging) {
    image.status = "uploading";
    image.size = data->size();
    image.staged = std::move(data);
  } else {
    const auto refusal = inspect(image, *data, config_);
    fill(image, std::move(data), hashes);
    if (!up.store.empty()) image.stores = {up.store};
    if (refusal) {
      image.status = "queued";
      image.size.reset();
      touch(image);
      found->second = std::move(image);
      throw Problem(415, "", *refusal);
    }
  }
  touch(image);
  found->second = std::move(image);
  return no_content();
}

Response Glance::upload(Call& call) {
  Upload up;
  begin_upload(call, up);
  try {
    receive(call, up);
  } catch (const WorkerKilled&) {
    throw;
  } catch (...) {
    restore(up);
    throw;
  }
  return finish_upload(call, up);
}

Response Glance::stage(Call& call) {
  const auto& methods = config_.import_methods;
  if (std::find(methods.begin(), methods.end(), "glance-direct") == methods.end())
    throw Problem(404, "'glance-direct' method is not available at this site.");
  Upload up;
  up.staging = true;
  begin_upload(call, up);
  try {
    receive(call, up);
  } catch (const WorkerKilled&) {
    throw;
  } catch (...) {
    restore(up);
    throw;
  }
  return finish_upload(call, up);
}

}  // namespace glancefs::devcloud
