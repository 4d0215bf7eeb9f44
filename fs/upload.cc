#include "fs/upload.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
#include "fs/names.h"
#include "fs/tree.h"
#include "fs/xattrs.h"

namespace glancefs::fs {
namespace {

// A disk that is as full as this may have refused a write of the kernel's, and we are not told.
// More than one write(2) brings, and than what file systems hold back for themselves.
constexpr std::uint64_t kNearlyFull = 32ULL << 20;

}  // namespace

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

Upload::Upload(std::shared_ptr<cache::Spool> spool, client::Image image, bool found)
    : spool_(std::move(spool)),
      found_(found),
      record_(spool_->record()),
      image_(std::move(image)) {
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
  // The lock is held over a write to the local disk, so that begin() never sends half of it.
  try {
    spool_->write(offset, bytes);
  } catch (const std::system_error& error) {
    if (!spoilt_) set_spoilt({error.code().value(), error.what(), offset, bytes.size()});
    throw;
  }
  const bool mended = spoilt_ && spoilt_->size > 0 && offset <= spoilt_->offset &&
                      offset + bytes.size() >= spoilt_->offset + spoilt_->size;
  if (mended) spoilt_.reset();
  if (!spoilt_) state_ = State::kWriting;
}

void Upload::truncate(std::uint64_t size) {
  Lock lock(mutex_);
  if (state_ == State::kDone) throw_errno(EPERM, "the image is complete; its size cannot change");
  if (state_ == State::kUploading) throw_errno(EBUSY, "the image is being uploaded");
  spool_->truncate(size);
  if (size == 0) spoilt_.reset();
  if (!spoilt_) state_ = State::kWriting;
}

bool Upload::differs() const { return !seen_ || spool_->version() != *seen_; }

bool Upload::dirty() const {
  Lock lock(mutex_);
  if (removed_) return false;
  if (state_ == State::kDone) return differs();
  // Emptying a file is how programs begin to write it: no bytes yet that would want sending.
  return spool_->size() > 0 && (state_ == State::kFailed || differs());
}

bool Upload::changed() const {
  Lock lock(mutex_);
  return differs();
}

bool Upload::unsent() const {
  Lock lock(mutex_);
  return state_ == State::kWriting || (state_ == State::kFailed && differs());
}

void Upload::spoil(int error, const std::string& why) {
  Lock lock(mutex_);
  if (!spoilt_) set_spoilt({error, why, 0, 0});
}

void Upload::set_spoilt(Spoilt spoilt) {
  state_ = State::kFailed;
  seen_ = spool_->version();
  // For the journal it is a file still being written: nobody may send it later.
  note_failure(cache::SpoolState::kWriting, spoilt.why);
  spoilt_ = std::move(spoilt);
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
  if (state_ == State::kDone) {
    throw_errno(EPERM, "the image was complete before this was written; it is kept beside it");
  }
  if (removed_) throw_errno(ECANCELED, "the file has been removed");
  if (spoilt_) throw_errno(spoilt_->error, "not sent, the file is not whole: " + spoilt_->why);
  spool_->sync();
  check_disk();
  record_.state = cache::SpoolState::kUploading;
  record_.error.clear();
  save();
  state_ = State::kUploading;
  seen_ = spool_->version();
  sent_ = 0;
}

// Where the kernel writes by itself.
void Upload::check_disk() {
  if (!shared_ || spool_->size() == 0) return;
  if (spool_->disk_left() >= kNearlyFull) return;
  const std::string why = "the file may not be whole, its disk is full: " + spool_->path();
  state_ = State::kFailed;
  seen_ = spool_->version();
  note_failure(cache::SpoolState::kWriting, why);
  throw_errno(ENOSPC, why);
}

void Upload::wait() {
  Lock lock(mutex_);
  if (record_.state != cache::SpoolState::kWriting) return;
  record_.state = cache::SpoolState::kWaiting;
  save();
}

void Upload::reopen() {
  Lock lock(mutex_);
  state_ = State::kWriting;
  seen_.reset();
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
  note_failure(cache::SpoolState::kFailed, text);
}

void Upload::note_failure(cache::SpoolState state, const std::string& text) {
  record_.state = state;
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
  return --writers_ == 0;
}

bool Upload::has_writers() const {
  Lock lock(mutex_);
  return writers_ > 0;
}

void Upload::save() {
  if (!removed_) spool_->update(record_);
}

void Upload::cancel() {
  {
    Lock lock(mutex_);
    removed_ = true;
  }
  cancelled_.request_stop();  // may run whatever waits for it
}

std::string Upload::describe() const {
  Lock lock(mutex_);
  std::string_view word = "being written";
  if (state_ == State::kUploading) word = "uploading";
  if (state_ == State::kFailed) word = "failed";
  if (state_ == State::kWriting && writers_ == 0) word = "waiting";
  return log::printable(fmt::format("{}/{}  {}  {} of {} bytes sent{}{}", record_.directory,
                                    record_.name, word, sent_.load(), spool_->size(),
                                    record_.error.empty() ? "" : "  ", record_.error));
}

}  // namespace glancefs::fs
