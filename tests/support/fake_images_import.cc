// Staging and imports of FakeImages.
#include <fmt/format.h>

#include <algorithm>

#include "base/fd.h"
#include "client/import_state.h"
#include "tests/support/fake_images.h"
#include "tests/support/fake_images_internal.h"

namespace glancefs::test {
namespace {

using client::Image;
using client::Operation;
using client::Status;

constexpr std::string_view kTask = "os_glance_import_task";
constexpr std::string_view kLeft = "os_glance_importing_to_stores";
constexpr std::string_view kFailed = "os_glance_failed_import";

std::string own_text(const Image& image, std::string_view key) {
  const std::string* value = client::find_property(image.properties, key);
  return value == nullptr ? std::string() : *value;
}

}  // namespace

void erase_own(Image& image, std::string_view key) {
  std::erase_if(image.properties, [key](const auto& property) { return property.first == key; });
}

void set_own(Image& image, std::string_view key, std::string value) {
  erase_own(image, key);
  image.properties.emplace_back(key, std::move(value));
  std::ranges::sort(image.properties);
}

void FakeImages::finish_staging(const std::string& id, std::string data) {
  const Lock lock(mutex_);
  const auto found = records_.find(id);
  if (found == records_.end()) refuse(Operation::kUpload, 410, "PUT", "deleted meanwhile");
  found->second.image.size = data.size();
  found->second.image.updated = tick();
  found->second.staged = std::make_shared<const std::string>(std::move(data));
}

void FakeImages::stage(std::string_view id, client::Source& data, std::stop_token stop) {
  Passage passage(*this, Call::kStage, std::move(stop));
  const std::string key(id);
  {
    const Lock lock(mutex_);
    if (std::ranges::find(import_methods_, "glance-direct") == import_methods_.end()) {
      refuse(Operation::kUpload, 404, "PUT",
             "'glance-direct' method is not available at this site.");
    }
  }
  begin_upload(key, Status::kUploading);
  finish_staging(key, receive(passage, key, data));
}

void FakeImages::check_no_import(const Record& record) const {
  if (own_text(record.image, kTask).empty()) return;
  refuse(Operation::kAction, 409, "POST", "Image has active task");
}

void FakeImages::begin_import(Record& record, const std::vector<std::string>& stores) {
  Image& image = record.image;
  std::vector<std::string> wanted = stores;
  if (wanted.empty() && !stores_.empty()) wanted = {stores_.front()};
  for (const std::string& store : wanted) check_store(Operation::kAction, 409, store);
  record.import_step = 0;
  record.tasks.push_back({.id = fmt::format("task-{}", record.tasks.size() + 1),
                          .status = "pending",
                          .message = fmt::format("{}", fmt::join(wanted, ","))});
  set_own(image, kTask, record.tasks.back().id);
  set_own(image, kLeft, "");
  set_own(image, kFailed, "");
  image.updated = tick();
}

void FakeImages::import_staged(std::string_view id, const std::vector<std::string>& stores,
                               std::stop_token stop) {
  Passage passage(*this, Call::kImport, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  Record& record = own(Operation::kAction, id, "POST");
  const Image& image = record.image;
  check_no_import(record);
  if (image.status != Status::kUploading || !record.staged) {
    refuse(Operation::kAction, 409, "POST",
           "Image needs to be staged before 'glance-direct' method can be used");
  }
  if (!image.disk_format || !image.container_format) {
    refuse(Operation::kAction, 409, "POST", "'disk_format' needs to be set before import");
  }
  begin_import(record, stores);
}

void FakeImages::import_from(std::string_view id, std::string_view uri,
                             const std::vector<std::string>& stores, std::stop_token stop) {
  Passage passage(*this, Call::kImport, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  Record& record = own(Operation::kAction, id, "POST");
  check_no_import(record);
  if (!uri.starts_with("http://") && !uri.starts_with("https://")) {
    refuse(Operation::kAction, 400, "POST",
           "URI for web-download does not pass filtering: " + std::string(uri));
  }
  if (record.image.status != Status::kQueued) {
    refuse(Operation::kAction, 409, "POST",
           "Image needs to be in 'queued' state to use 'web-download' method");
  }
  const auto content = web_.find(uri);
  record.staged = content == web_.end() ? nullptr : content->second;
  begin_import(record, stores);
}

void FakeImages::copy(std::string_view id, const std::vector<std::string>& stores,
                      std::stop_token stop) {
  Passage passage(*this, Call::kImport, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  Record& record = own(Operation::kAction, id, "POST");
  check_no_import(record);
  if (!admin_) refuse(Operation::kAction, 403, "POST", "You are not allowed to copy images");
  if (record.image.status != Status::kActive) {
    refuse(Operation::kAction, 409, "POST",
           "Only images with status active can be targeted for copying");
  }
  const auto here = client::split_list(own_text(record.image, "stores"));
  for (const std::string& store : stores) {
    if (std::ranges::find(here, store) != here.end()) {
      refuse(Operation::kAction, 400, "POST", "Image is already present at store '" + store + "'");
    }
  }
  record.staged = record.data;
  begin_import(record, stores);
}

void FakeImages::end_import(Record& record, const std::string& status, const std::string& message) {
  record.tasks.back().status = status;
  record.tasks.back().message = message;
  erase_own(record.image, kTask);
  record.image.updated = tick();
}

// A copy leaves the image as it is; anything else leaves a record without data.
void FakeImages::fail_import(Record& record) {
  Image& image = record.image;
  const auto left = client::split_list(own_text(image, kLeft));
  set_own(image, kFailed, left.empty() ? std::string() : left.front());
  set_own(image, kLeft, "");
  if (image.status != Status::kActive) {
    erase_own(image, "stores");
    image.size.reset();
    // Only a failed glance-direct is stuck.
    if (import_end_ != ImportEnd::kStuck) set_status(image, Status::kQueued);
  }
  end_import(record, "failure", "Task failed due to Internal Error");
}

void FakeImages::bring_into_a_store(Record& record) {
  Image& image = record.image;
  std::vector<std::string> left = client::split_list(own_text(image, kLeft));
  if (!left.empty()) {
    const std::string here = own_text(image, "stores");
    set_own(image, "stores", here.empty() ? left.front() : here + "," + left.front());
    left.erase(left.begin());
  }
  set_own(image, kLeft, fmt::format("{}", fmt::join(left, ",")));
  if (!left.empty() || image.status == Status::kActive) return;
  record.data = record.staged;
  seal(image, *record.data);
  image.updated = tick();
}

// pending ─▶ importing into all stores ─▶ one store less, each time ─▶ active ─▶ without a task
void FakeImages::advance_import(Record& record) {
  Image& image = record.image;
  if (own_text(image, kTask).empty() || record.tasks.empty()) return;
  client::Task& task = record.tasks.back();
  const int step = record.import_step++;
  if (step == 0) return;
  if (step == 1) {
    if (import_end_ == ImportEnd::kRefused) {
      if (image.status != Status::kActive) set_status(image, Status::kQueued);
      return end_import(record, "failure", "Project x is over a limit for image_size_total");
    }
    set_own(image, kLeft, std::exchange(task.message, ""));
    task.status = "processing";
    if (image.status != Status::kActive) set_status(image, Status::kImporting);
    return;
  }
  if (import_end_ == ImportEnd::kNever) return;
  const bool fails = import_end_ == ImportEnd::kStuck || import_end_ == ImportEnd::kQueued;
  if (fails || !record.staged) return fail_import(record);
  if (image.status == Status::kActive && own_text(image, kLeft).empty()) {
    return end_import(record, "success", "Copied 0 MiB");
  }
  bring_into_a_store(record);
}

std::vector<client::Task> FakeImages::tasks(std::string_view id, std::stop_token stop) {
  if (stop.stop_requested()) throw_errno(ECANCELED, "stopped");
  const Lock lock(mutex_);
  return own(Operation::kOther, id, "GET").tasks;
}

std::optional<std::vector<std::string>> FakeImages::stores(std::stop_token stop) {
  Passage passage(*this, Call::kStores, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  return stores_;
}

std::vector<std::string> FakeImages::import_methods(std::stop_token stop) {
  if (stop.stop_requested()) throw_errno(ECANCELED, "stopped");
  const Lock lock(mutex_);
  return import_methods_;
}

}  // namespace glancefs::test
