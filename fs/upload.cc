#include "fs/upload.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
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
    const auto change = set_change(image, key, text);
    if (change) apply_change(image, *change);
  }
  return image;
}

Upload::Upload(std::unique_ptr<cache::Spool> spool, client::Image image, bool found)
    : spool_(std::move(spool)),
      found_(found),
      record_(spool_->record()),
      image_(std::move(image)),
      // What an earlier process left behind has bytes that no upload of this one has tried to send.
      dirty_(spool_->size() > 0) {
  if (record_.state == cache::SpoolState::kFailed) state_ = State::kFailed;
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
  try {
    rewrite();
    // The lock is held over a write to the local disk, so that begin() never sends half of it.
    spool_->write(offset, bytes);
  } catch (const std::system_error& error) {
    // The program will close the file all the same, which must not send what is here.
    torn_ = true;
    record_.error = error.what();
    throw;
  }
  state_ = State::kWriting;
  dirty_ = true;
}

void Upload::truncate(std::uint64_t size) {
  Lock lock(mutex_);
  if (state_ == State::kDone) throw_errno(EPERM, "the image is complete; its size cannot change");
  if (state_ == State::kUploading) throw_errno(EBUSY, "the image is being uploaded");
  rewrite();
  const std::uint64_t before = spool_->size();
  spool_->truncate(size);
  if (size == 0) torn_ = false;
  // Emptying a file is how programs begin to write it: no bytes yet that would want sending.
  dirty_ = size > 0 && (dirty_ || size != before);
  state_ = State::kWriting;
}

bool Upload::dirty() const {
  Lock lock(mutex_);
  return dirty_;
}

// Before the first byte changes of what the journal takes for whole: were the daemon to die in the
// middle, a mixture of old and new bytes would be sent.
void Upload::rewrite() {
  held_ = false;
  if (record_.state == cache::SpoolState::kWriting) return;
  record_.state = cache::SpoolState::kWriting;
  record_.error.clear();
  save();
}

void Upload::mark_whole() {
  spool_->sync();  // the long part, without the lock that stat(2) needs
  Lock lock(mutex_);
  if (state_ != State::kWriting || writers_ > 0 || held_ || torn_) return;
  if (record_.state != cache::SpoolState::kWriting) return;
  spool_->sync();
  record_.state = cache::SpoolState::kWaiting;
  save();
}

void Upload::hold(const std::string& why) {
  Lock lock(mutex_);
  held_ = true;
  record_.error = why;
}

bool Upload::held() const {
  Lock lock(mutex_);
  return held_ || torn_;
}

bool Upload::announced() const {
  Lock lock(mutex_);
  return state_ != State::kUploading && (record_.state == cache::SpoolState::kUploading ||
                                         record_.state == cache::SpoolState::kFailed);
}

void Upload::apply(const client::Change& change, std::string_view key, std::string_view text) {
  Lock lock(mutex_);
  auto& properties = record_.properties;
  std::erase_if(properties, [&](const auto& property) { return property.first == key; });
  if (change.value) properties.emplace_back(key, text);
  save();
  apply_change(image_, change);
  if (state_ == State::kUploading) later_.push_back(change);
}

void Upload::move(NodeId directory, const std::string& name, bool whole) {
  if (whole) spool_->sync();
  Lock lock(mutex_);
  if (state_ == State::kUploading) throw_errno(EBUSY, "the image is being uploaded");
  const auto visibility = visibility_of_directory(directory);
  if (!visibility) throw_errno(EPERM, "images live in the four directories of visibility");
  record_.directory = client::to_string(*visibility);
  record_.name = escape_name(name);
  if (whole) record_.state = cache::SpoolState::kWaiting;
  save();
  image_.visibility = *visibility;
  image_.name = name;
}

void Upload::begin() {
  spool_->sync();  // the long part, without the lock that stat(2) needs
  Lock lock(mutex_);
  if (state_ == State::kUploading) throw_errno(EBUSY, "the image is being uploaded");
  if (state_ == State::kDone) throw_errno(EPERM, "the image is complete");
  spool_->sync();
  record_.state = cache::SpoolState::kUploading;
  record_.error.clear();
  save();
  state_ = State::kUploading;
  dirty_ = false;
  held_ = torn_ = false;
  sent_ = 0;
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
  if (--writers_ > 0) return false;
  closed_.notify_all();
  return true;
}

bool Upload::wait_for_writers(std::chrono::milliseconds limit, const std::stop_token& stop) {
  const auto end = std::chrono::steady_clock::now() + limit;
  const std::stop_callback wake(stop, [this] {
    Lock lock(mutex_);
    closed_.notify_all();
  });
  Lock lock(mutex_);
  while (writers_ > 0 && !stop.stop_requested() && closed_.wait_until(mutex_, end)) {
  }
  return writers_ == 0;
}

bool Upload::has_writers() const {
  Lock lock(mutex_);
  return writers_ > 0;
}

void Upload::save() { spool_->update(record_); }

std::string Upload::describe() const {
  Lock lock(mutex_);
  std::string_view word = "being written";
  if (state_ == State::kUploading) word = "uploading";
  if (state_ == State::kFailed) word = "failed";
  if (state_ == State::kWriting && writers_ == 0) word = "waiting";
  if (held_ || (torn_ && writers_ == 0))
    word = record_.state == cache::SpoolState::kWriting ? "unfinished" : "kept";
  if (writers_ == 0 && record_.name.starts_with('.')) word = "stays here";
  return log::printable(fmt::format("{}/{}  {}  {} of {} bytes sent{}{}", record_.directory,
                                    record_.name, word, sent_.load(), spool_->size(),
                                    record_.error.empty() ? "" : "  ", record_.error));
}

}  // namespace glancefs::fs
