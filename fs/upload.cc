#include "fs/upload.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
#include "fs/destination.h"
#include "fs/names.h"
#include "fs/tree.h"
#include "fs/xattrs.h"

namespace glancefs::fs {

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
    if (key == kStoresKey) {  // Glance decides the field, and we where the upload goes
      apply_change(image, {.key = key, .value = text});
      continue;
    }
    const auto change = set_change(image, key, text);
    if (change) apply_change(image, *change);
  }
  return image;
}

Upload::Upload(std::unique_ptr<cache::Spool> spool, client::Image image, bool found)
    : spool_(std::move(spool)),
      found_(found),
      left_at_glance_(false),
      record_(spool_->record()),
      image_(std::move(image)),
      // What an earlier process left behind has bytes that no upload of this one has tried to send.
      dirty_(spool_->size() > 0) {
  if (record_.state == cache::SpoolState::kFailed) state_ = State::kFailed;
  // What became of an earlier process's upload is not known before somebody asks.
  left_at_glance_ = !found && (record_.state == cache::SpoolState::kFailed ||
                               record_.state == cache::SpoolState::kUploading);
}

client::Image Upload::image() const {
  Lock lock(mutex_);
  client::Image image = image_;
  if (state_ != State::kDone) image.size = spool_->size();
  return image;
}

Upload::State Upload::state() const {
  Lock lock(mutex_);
  return state_;
}

void Upload::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  Lock lock(mutex_);
  if (state_ == State::kDone) throw_errno(EPERM, "the image is complete; its bytes cannot change");
  if (state_ == State::kUploading) throw_errno(EBUSY, "the image is being uploaded");
  // The lock is held over a write to the local disk, so that begin() never sends half of it.
  spool_->write(offset, bytes);
  state_ = State::kWriting;
  dirty_ = true;
}

void Upload::truncate(std::uint64_t size) {
  Lock lock(mutex_);
  if (state_ == State::kDone) throw_errno(EPERM, "the image is complete; its size cannot change");
  if (state_ == State::kUploading) throw_errno(EBUSY, "the image is being uploaded");
  const std::uint64_t before = spool_->size();
  spool_->truncate(size);
  // Emptying a file is how programs begin to write it: no bytes yet that would want sending.
  dirty_ = size > 0 && (dirty_ || size != before);
  state_ = State::kWriting;
}

bool Upload::dirty() const {
  Lock lock(mutex_);
  return dirty_;
}

void Upload::apply(const client::Change& change, std::string_view key, std::string_view text) {
  Lock lock(mutex_);
  if (key == kStoresKey && state_ == State::kUploading) {
    throw_errno(EBUSY, "the image is on its way into its stores");
  }
  auto& properties = record_.properties;
  std::erase_if(properties, [&](const auto& property) { return property.first == key; });
  if (change.value) properties.emplace_back(key, text);
  save();
  apply_change(image_, change);
  if (state_ == State::kUploading) later_.push_back(change);
}

void Upload::move(NodeId directory, const std::string& name) {
  Lock lock(mutex_);
  if (state_ == State::kUploading) throw_errno(EBUSY, "the image is being uploaded");
  const auto visibility = visibility_of_directory(directory);
  if (!visibility) throw_errno(EPERM, "images live in the four directories of visibility");
  record_.directory = client::to_string(*visibility);
  record_.name = escape_name(name);
  save();
  image_.visibility = *visibility;
  image_.name = name;
}

void Upload::begin() {
  Lock lock(mutex_);
  if (state_ == State::kUploading) throw_errno(EBUSY, "the image is being uploaded");
  if (state_ == State::kDone) throw_errno(EPERM, "the image is complete");
  spool_->sync();
  record_.state = cache::SpoolState::kUploading;
  record_.error.clear();
  save();
  state_ = State::kUploading;
  dirty_ = false;
  sent_ = 0;
  import_news_.clear();
}

void Upload::renew_id() {
  Lock lock(mutex_);
  record_.image_id = client::new_uuid();
  save();
  image_.id = record_.image_id;
}

void Upload::finish(const client::Image& image) {
  Lock lock(mutex_);
  state_ = State::kDone;
  image_ = image;
}

void Upload::fail(const std::string& text) {
  Lock lock(mutex_);
  state_ = State::kFailed;
  dirty_ = true;
  if (cancelled_.stop_requested()) return;  // its record is being removed
  record_.state = cache::SpoolState::kFailed;
  record_.error = text;
  try {
    save();
  } catch (const std::system_error& error) {
    log::error("the journal does not take the failure of {}: {}", image_.id, error.what());
  }
}

void Upload::importing(const std::string& news) {
  Lock lock(mutex_);
  import_news_ = news;
}

std::vector<client::Change> Upload::later() {
  Lock lock(mutex_);
  return std::exchange(later_, {});
}

void Upload::open_writer() {
  Lock lock(mutex_);
  ++writers_;
}

bool Upload::close_writer() {
  Lock lock(mutex_);
  return --writers_ == 0;
}

bool Upload::has_writers() const {
  Lock lock(mutex_);
  return writers_ > 0;
}

void Upload::save() { spool_->update(record_); }

std::string Upload::describe() const {
  Lock lock(mutex_);
  std::string_view word = "being written";
  if (state_ == State::kUploading) word = import_news_.empty() ? "uploading" : "importing";
  if (state_ == State::kFailed) word = "failed";
  if (state_ == State::kWriting && writers_ == 0) word = "waiting";
  // One of them at most: an upload that runs has no error yet.
  const std::string& more = state_ == State::kUploading ? import_news_ : record_.error;
  return log::printable(fmt::format("{}/{}  {}  {} of {} bytes sent{}{}", record_.directory,
                                    record_.name, word, sent_.load(), spool_->size(),
                                    more.empty() ? "" : "  ", more));
}

}  // namespace glancefs::fs
