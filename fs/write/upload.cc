#include "fs/write/upload.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
#include "fs/attributes/xattrs.h"
#include "fs/catalogue/names.h"
#include "fs/waker.h"
#include "fs/write/destination.h"

namespace glancefs::fs {
namespace {

// stat(2) waits for the lock of one step.
constexpr std::uint64_t kAllocateStep = 64ULL << 20;

}  // namespace

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

std::string Upload::id() const {
  Lock lock(mutex_);
  return image_.id;
}

bool Upload::is_local() const {
  Lock lock(mutex_);
  return is_local_name(record_.name);
}

Upload::State Upload::state() const {
  Lock lock(mutex_);
  return state_;
}

void Upload::check_writable() const {
  if (state_ == State::kDone) throw_errno(EPERM, "the image is complete; its bytes cannot change");
  if (state_ == State::kUploading) throw_errno(EBUSY, "the image is being uploaded");
}

void Upload::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  Lock lock(mutex_);
  check_writable();
  try {
    rewrite();
    // The lock is held over a write to the local disk, so that begin() never sends half of it.
    spool_->write(offset, bytes);
  } catch (const std::system_error& error) {
    // The program will close the file all the same, which must not send what is here.
    torn_.happened(error, offset, bytes.size());
    record_.error = error.what();
    throw;
  }
  state_ = State::kWriting;
  torn_.written(offset, bytes.size());
}

void Upload::truncate(std::uint64_t size) {
  Lock lock(mutex_);
  check_writable();
  rewrite();
  spool_->truncate(size);
  if (size == 0) torn_.mend();
  state_ = State::kWriting;
}

void Upload::allocate(int mode, std::uint64_t offset, std::uint64_t length,
                      const std::stop_token& stop) {
  // What gives back is quick, and asked for of ranges far past the end.
  const std::uint64_t step = (mode & FALLOC_FL_PUNCH_HOLE) != 0 ? length : kAllocateStep;
  const std::uint64_t before = spool_->size();
  std::uint64_t grown = before;
  try {
    for (const std::uint64_t end = offset + length; offset < end; offset += step) {
      if (stop.stop_requested()) throw_errno(ECANCELED, "interrupted");
      allocate_step(mode, offset, std::min(step, end - offset));
      grown = spool_->size();
    }
  } catch (...) {
    Lock lock(mutex_);
    if (grown > before && spool_->size() == grown) spool_->truncate(before);
    throw;
  }
}

void Upload::allocate_step(int mode, std::uint64_t offset, std::uint64_t length) {
  Lock lock(mutex_);
  check_writable();
  rewrite();
  spool_->allocate(mode, offset, length);
  state_ = State::kWriting;
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

void Upload::share() noexcept {
  Lock lock(mutex_);
  shared_ = true;
  try {
    if (state_ == State::kWriting || state_ == State::kFailed) rewrite();
  } catch (const std::system_error& error) {
    log::error("the journal does not learn that {} is being written: {}", image_.id, error.what());
  }
}

bool Upload::differs() const { return !seen_ || spool_->version() != *seen_; }

bool Upload::dirty() const {
  Lock lock(mutex_);
  if (removed()) return false;
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
  if (held_ || torn_ || removed()) return false;
  return state_ == State::kWriting || (state_ == State::kFailed && differs());
}

void Upload::mark_whole() {
  spool_->sync();  // the long part, without the lock that stat(2) needs
  Lock lock(mutex_);
  if (state_ != State::kWriting || writers_ > 0 || held_ || torn_) return;
  if (record_.state != cache::SpoolState::kWriting || is_local_name(record_.name)) return;
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
  return held_;
}

bool Upload::announced() const {
  Lock lock(mutex_);
  return state_ != State::kUploading && (record_.state == cache::SpoolState::kUploading ||
                                         record_.state == cache::SpoolState::kFailed);
}

bool Upload::apply(const client::Change& change, std::string_view key, std::string_view text) {
  Lock lock(mutex_);
  if (state_ == State::kDone) return false;
  if (key == kStoresKey && state_ == State::kUploading) {
    throw_errno(EBUSY, "the image is on its way into its stores");
  }
  note_change(record_, change, key, text);
  save();
  apply_change(image_, change);
  if (state_ != State::kUploading) return true;
  std::erase_if(later_, [&](const client::Change& before) { return before.key == key; });
  later_.push_back(change);
  return true;
}

Upload::Place Upload::place() const {
  Lock lock(mutex_);
  return {.visibility = image_.visibility,
          .name = image_.name.value_or(""),
          .replaces = record_.replaces};
}

void Upload::move(const Place& place, bool whole) {
  if (whole) spool_->sync();
  Lock lock(mutex_);
  if (state_ == State::kUploading) throw_errno(EBUSY, "the image is being uploaded");
  cache::SpoolRecord record = record_at(record_, place);
  if (whole) record.state = cache::SpoolState::kWaiting;
  std::swap(record, record_);
  try {
    save();
  } catch (...) {
    record_ = std::move(record);
    throw;
  }
  image_.visibility = place.visibility;
  image_.name = place.name;
}

std::string Upload::replaces() const {
  Lock lock(mutex_);
  return record_.replaces;
}

void Upload::forget_replaced() {
  Lock lock(mutex_);
  record_.replaces.clear();
  save();
}

void Upload::begin() {
  spool_->sync();  // the long part, without the lock that stat(2) needs
  Lock lock(mutex_);
  if (state_ == State::kUploading) throw_errno(EBUSY, "the image is being uploaded");
  if (state_ == State::kDone) {
    throw_errno(EPERM, "the image was complete before this was written; it is kept beside it");
  }
  check_whole();
  start();
}

bool Upload::begin_unless_written() {
  spool_->sync();  // the long part, without the lock that stat(2) needs
  Lock lock(mutex_);
  if (writers_ > 0 || state_ == State::kUploading || state_ == State::kDone) return false;
  check_whole();
  start();
  return true;
}

bool Upload::begin_when_idle(const std::stop_token& stop, bool unfinished) {
  const Waker waker(stop, mutex_, changed_);
  Lock lock(mutex_);
  wait_for_upload(stop);
  if (state_ == State::kDone) return false;
  if (!unfinished) check_whole();
  start();
  return true;
}

void Upload::check_whole() {
  if (held_) throw_errno(EBUSY, "kept here: " + record_.error);
  torn_.check();
  if (!shared_ || spool_->size() == 0 || !spool_->disk_is_full()) return;
  // The kernel may have been refused a write, and we are not told.
  const std::string why = "it may not be whole, its disk is full: " + spool_->path();
  held_ = true;
  record_.error = why;
  throw_errno(ENOSPC, "not sent, " + why);
}

void Upload::start() {
  if (removed()) throw_errno(ESTALE, "the file has been removed");
  spool_->sync();
  record_.state = cache::SpoolState::kUploading;
  record_.error.clear();
  save();
  state_ = State::kUploading;
  seen_ = spool_->version();
  held_ = false;
  torn_.mend();
  later_.clear();  // all that was set so far goes with this attempt
  sending_.reset();
  import_news_.clear();
}

void Upload::make_own() {
  Lock lock(mutex_);
  record_.found = false;
  save();
  found_ = false;
}

void Upload::renew_id() {
  Lock lock(mutex_);
  record_.image_id = client::new_uuid();
  save();
  image_.id = record_.image_id;
  named_ = false;
}

// Also of what is being removed, which save() would leave out: whoever waits to delete the image
// must find a journal that does not bring it back.
void Upload::arrive() noexcept {
  Lock lock(mutex_);
  record_.state = cache::SpoolState::kArrived;
  record_.sent = seen_.value_or(cache::SpoolVersion{});
  record_.error.clear();
  try {
    spool_->update(record_);
  } catch (const std::exception& error) {
    log::error("the journal does not learn that image {} has arrived: {}", image_.id, error.what());
  }
}

void Upload::finish(const client::Image& image) {
  Lock lock(mutex_);
  state_ = State::kDone;
  image_ = image;
  changed_.notify_all();
}

void Upload::fail(const std::string& text) {
  Lock lock(mutex_);
  state_ = State::kFailed;
  changed_.notify_all();
  // What the kernel has written meanwhile may be half of something.
  record_.state = differs() ? cache::SpoolState::kWriting : cache::SpoolState::kFailed;
  record_.error = text;
  try {
    save();
  } catch (const std::system_error& error) {
    log::error("the journal does not take the failure of {}: {}", image_.id, error.what());
  }
}

// Not under the lock: whoever is told may be waiting for it.
void Upload::end_attempt() {
  const auto current = [&] {
    Lock lock(mutex_);
    return attempt_;
  };
  current().request_stop();
}

void Upload::cancel(const std::string& why, const std::stop_token& stop) {
  const Waker waker(stop, mutex_, changed_);
  if (state() != State::kUploading && has_writers())
    throw_errno(EBUSY, "the file is being written");
  end_attempt();
  Lock lock(mutex_);
  wait_for_upload(stop);
  if (removed()) throw_errno(ESTALE, "the file has been removed");
  attempt_ = {};
  if (state_ == State::kDone) throw_errno(EPERM, "the image is complete: it had been sent already");
  held_ = true;
  record_.error = why;
  record_.state = cache::SpoolState::kWriting;  // which no mount sends unasked
  save();
}

std::stop_token Upload::cancelled() const {
  Lock lock(mutex_);
  return attempt_.get_token();
}

void Upload::forsake() noexcept {
  removed_.request_stop();
  end_attempt();
}

void Upload::remove(const std::stop_token& stop) {
  removed_.request_stop();
  end_attempt();
  const Waker waker(stop, mutex_, changed_);
  Lock lock(mutex_);
  wait_for_upload(stop);
  if (state_ != State::kDone) spool_->discard();
}

void Upload::drop() {
  removed_.request_stop();
  end_attempt();
  Lock lock(mutex_);
  state_ = State::kFailed;
  spool_->discard();
  changed_.notify_all();
}

void Upload::wait_for_upload(const std::stop_token& stop) {
  while (state_ == State::kUploading) {
    if (stop.stop_requested()) throw_errno(ECANCELED, "interrupted");
    changed_.wait(mutex_);
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
  if (state_ == State::kUploading) throw_errno(EBUSY, "the image is being uploaded");
  if (state_ == State::kDone) throw_errno(ESTALE, "the file has become an image");
  if (removed()) throw_errno(ESTALE, "the file has been removed");
  awaited_ = kNobody;
  ++writers_;
}

bool Upload::close_writer() {
  Lock lock(mutex_);
  changed_.notify_all();
  return --writers_ == 0;
}

bool Upload::has_writers() const {
  Lock lock(mutex_);
  return writers_ > 0;
}

bool Upload::wait_for_writers(std::chrono::milliseconds limit) const {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  Lock lock(mutex_);
  while (writers_ > 0) {
    if (!changed_.wait_until(mutex_, deadline)) break;
  }
  return writers_ == 0;
}

// What has been removed must not come back at the next mount.
void Upload::save() {
  if (!removed()) spool_->update(record_);
}

std::string_view Upload::state_word() const {
  if (writers_ == 0 && is_local_name(record_.name)) return "stays here";
  if (held_ || (torn_ && writers_ == 0)) {
    return record_.state == cache::SpoolState::kWriting ? "unfinished" : "kept";
  }
  if (state_ == State::kUploading) return import_news_.empty() ? "uploading" : "importing";
  if (state_ == State::kFailed) return "failed";
  return state_ == State::kWriting && writers_ == 0 ? "waiting" : "being written";
}

// While it is to take another's place only its alias is sure to lead to it.
std::string Upload::shown_name() const {
  const std::string& name = record_.name;
  return record_.directory + "/" + (record_.replaces.empty() ? name : alias_name(name, image_.id));
}

std::string Upload::describe() const {
  Lock lock(mutex_);
  // One of them at most: an upload that runs has no error yet.
  const std::string& more = state_ == State::kUploading ? import_news_ : record_.error;
  const std::string& old = record_.replaces;
  return log::printable(fmt::format(
      "{}  {}  {} of {} bytes sent{}{}{}{}", shown_name(), state_word(), sending_.sent(),
      spool_->size(), old.empty() ? "" : "  in place of ", old, more.empty() ? "" : "  ", more));
}

Transfer Upload::transfer() const {
  Lock lock(mutex_);
  Transfer transfer{.direction = Transfer::Direction::kUpload,
                    .id = image_.id,
                    .file = shown_name(),
                    .state = std::string(state_word()),
                    .bytes = sending_.sent(),
                    .size = spool_->size(),
                    .rate = std::nullopt,
                    .attempt = sending_.attempts(),
                    .more = state_ == State::kUploading ? import_news_ : record_.error};
  if (state_ == State::kUploading && import_news_.empty()) transfer.rate = sending_.rate();
  return transfer;
}

}  // namespace glancefs::fs
