// What FakeImages allows, and how a record changes.
#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"
#include "client/change.h"
#include "tests/support/fake_images.h"
#include "tests/support/fake_images_internal.h"

namespace glancefs::test {
namespace {

using client::Change;
using client::Image;
using client::Operation;
using client::Status;
using client::Visibility;
using Tags = std::vector<std::string>;

constexpr std::size_t kPropertyLimit = 128;
constexpr std::array<std::string_view, 15> kReadOnly{
    "id",           "status",        "size",       "virtual_size", "checksum",
    "os_hash_algo", "os_hash_value", "created_at", "updated_at",   "self",
    "file",         "schema",        "owner",      "direct_url",   "locations"};

template <typename T>
const T& typed(Operation operation, const Change& change) {
  const T* value = std::get_if<T>(&*change.value);
  if (value == nullptr) refuse(operation, 400, "PATCH", change.key + " has another type");
  return *value;
}

std::uint64_t natural(Operation operation, const Change& change) {
  const auto value = typed<std::int64_t>(operation, change);
  if (value < 0 || value > 2147483647) refuse(operation, 400, "PATCH", "out of range");
  return static_cast<std::uint64_t>(value);
}

void set_format(Operation operation, Image& image, std::optional<std::string>& format,
                const Change& change) {
  if (image.status != Status::kQueued) {
    refuse(operation, 403, "PATCH",
           "Attribute " + change.key + " can be only replaced for a queued image.");
  }
  format = typed<std::string>(operation, change);
}

void set_tags(Operation operation, Image& image, const Change& change) {
  image.tags = typed<Tags>(operation, change);
  std::ranges::sort(image.tags);
  image.tags.erase(std::unique(image.tags.begin(), image.tags.end()), image.tags.end());
}

bool is_base(std::string_view key) {
  constexpr std::array<std::string_view, 9> kBase{"name",      "visibility",  "protected",
                                                  "os_hidden", "min_disk",    "min_ram",
                                                  "tags",      "disk_format", "container_format"};
  return std::ranges::find(kBase, key) != kBase.end();
}

void set_base(Operation operation, Image& image, const Change& change) {
  if (change.key == "name") image.name = typed<std::string>(operation, change);
  if (change.key == "protected") image.is_protected = typed<bool>(operation, change);
  if (change.key == "os_hidden") image.hidden = typed<bool>(operation, change);
  if (change.key == "min_disk") image.min_disk = natural(operation, change);
  if (change.key == "min_ram") image.min_ram = natural(operation, change);
  if (change.key == "tags") set_tags(operation, image, change);
  if (change.key == "disk_format") set_format(operation, image, image.disk_format, change);
  if (change.key == "container_format") {
    set_format(operation, image, image.container_format, change);
  }
}

void set_property(Operation operation, Image& image, const Change& change) {
  const auto at = std::ranges::lower_bound(image.properties, change.key, {},
                                           &std::pair<std::string, std::string>::first);
  const bool there = at != image.properties.end() && at->first == change.key;
  if (!change.value) {
    if (!there) refuse(operation, 409, "PATCH", "Property " + change.key + " does not exist.");
    image.properties.erase(at);
  } else if (there) {
    at->second = typed<std::string>(operation, change);
  } else if (image.properties.size() >= kPropertyLimit) {
    refuse(operation, 413, "PATCH",
           "The limit has been exceeded on the number of allowed image "
           "properties. Attempted: 129, Maximum: 128");
  } else {
    image.properties.emplace(at, change.key, typed<std::string>(operation, change));
  }
}

}  // namespace

bool FakeImages::may_see(const Record& record) const {
  const Image& image = record.image;
  if (admin_ || image.owner == project_) return true;
  if (image.visibility == Visibility::kShared) return record.members.contains(project_);
  return image.visibility != Visibility::kPrivate;
}

bool FakeImages::may_list(const Record& record, const client::ListQuery& query) const {
  const Image& image = record.image;
  if (image.hidden != query.hidden || !may_see(record)) return false;
  const auto member = record.members.find(project_);
  const bool offered = !admin_ && image.visibility == Visibility::kShared &&
                       image.owner != project_ && member != record.members.end();
  if (query.offers) return offered && member->second == client::MemberStatus::kPending;
  return !offered || member->second == client::MemberStatus::kAccepted;
}

std::vector<Image> FakeImages::matching(const client::ListQuery& query) const {
  const Lock lock(mutex_);
  std::vector<Image> found;
  for (const auto& [id, record] : records_) {
    const Image& image = record.image;
    if (!may_list(record, query)) continue;
    if (query.updated_since && image.updated < *query.updated_since) continue;
    if (query.name && image.name != *query.name) continue;
    if (query.visibility && image.visibility != *query.visibility) continue;
    if (!query.owner.empty() && image.owner != query.owner) continue;
    found.push_back(image);
  }
  if (query.updated_since) {
    std::ranges::stable_sort(found, {}, &Image::updated);
  } else {
    std::ranges::stable_sort(found, std::greater<>(), &Image::created);
    if (query.oldest_first) std::ranges::reverse(found);
  }
  return found;
}

FakeImages::Record& FakeImages::own(Operation operation, std::string_view id,
                                    std::string_view request) {
  const auto found = records_.find(id);
  if (found == records_.end() || !may_see(found->second)) {
    refuse(operation, 404, request, "No image found with ID " + std::string(id));
  }
  if (!admin_ && found->second.image.owner != project_) {
    refuse(operation, 403, request, "You do not own this image");
  }
  return found->second;
}

void FakeImages::set_visibility(Operation operation, Image& image, Visibility visibility) const {
  if (visibility == Visibility::kPublic && !admin_ && image.visibility != visibility) {
    refuse(operation, 403, "PATCH", "You are not authorized to complete publicize_image action.");
  }
  image.visibility = visibility;
}

void FakeImages::apply(Operation operation, Image& image, const Change& change) const {
  if (client::collides_with_glance(change.key)) throw_errno(EINVAL, change.key);
  if (std::ranges::find(kReadOnly, change.key) != kReadOnly.end()) {
    refuse(operation, 403, "PATCH", "Attribute '" + change.key + "' is read-only.");
  }
  if (change.key.starts_with("os_glance")) {
    refuse(operation, 403, "PATCH", "Attribute '" + change.key + "' is reserved.");
  }
  if (!is_base(change.key)) {
    set_property(operation, image, change);
  } else if (!change.value) {
    refuse(operation, 403, "PATCH", "Property " + change.key + " may not be removed.");
  } else if (change.key == "visibility") {
    const auto visibility = client::visibility_of(typed<std::string>(operation, change));
    if (!visibility) refuse(operation, 400, "PATCH", "no such visibility");
    set_visibility(operation, image, *visibility);
  } else {
    set_base(operation, image, change);
  }
}

void FakeImages::check_store(Operation operation, int status, std::string_view store) const {
  // Where there is no choice, Glance does not look at it.
  if (store.empty() || stores_.empty() || std::ranges::find(stores_, store) != stores_.end())
    return;
  refuse(operation, status, "PUT", "Store for identifier " + std::string(store) + " not found");
}

void FakeImages::begin_upload(const std::string& id, Status next) {
  const Lock lock(mutex_);
  Image& image = own(Operation::kUpload, id, "PUT").image;
  if (image.status != Status::kQueued) {
    refuse(Operation::kUpload, 409, "PUT",
           "Image status transition from " + image.status_word + " to " +
               std::string(to_string(next)) + " is not allowed");
  }
  if (next == Status::kSaving && (!image.disk_format || !image.container_format)) {
    refuse(Operation::kUpload, 400, "PUT",
           "Property disk_format must be set prior to saving data.");
  }
  set_status(image, next);
}

void FakeImages::abort_upload(const std::string& id) {
  const Lock lock(mutex_);
  const auto found = records_.find(id);
  if (found != records_.end()) set_status(found->second.image, Status::kQueued);
}

void FakeImages::finish_upload(const std::string& id, std::string data, std::string_view store) {
  std::function<void(const std::string&)> hook;
  {
    const Lock lock(mutex_);
    const auto found = records_.find(id);
    if (found == records_.end()) refuse(Operation::kUpload, 410, "PUT", "deleted meanwhile");
    Image& image = found->second.image;
    seal(image, data);
    if (!stores_.empty()) {
      set_own(image, "stores", store.empty() ? stores_.front() : std::string(store));
    }
    image.updated = tick();
    found->second.data = std::make_shared<const std::string>(std::move(data));
    hook = uploaded_;
  }
  if (hook) hook(id);
}

FakeImages::Bytes FakeImages::content(const std::string& id) {
  const Lock lock(mutex_);
  const auto found = records_.find(id);
  if (found == records_.end() || !may_see(found->second)) {
    refuse(Operation::kDownload, 404, "GET file", "No image found with ID " + id);
  }
  if (found->second.image.status == Status::kDeactivated && !admin_) {
    refuse(Operation::kDownload, 403, "GET file", "The requested image has been deactivated.");
  }
  if (!found->second.data || found->second.image.status == Status::kQueued) {
    refuse(Operation::kDownload, 204, "GET file", "no data");
  }
  return found->second.data;
}

}  // namespace glancefs::test
