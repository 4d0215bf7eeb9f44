#include "fs/write/uploads.h"

#include <algorithm>
#include <stdexcept>

#include "base/fd.h"
#include "base/log.h"
#include "client/retry.h"
#include "fs/any_stop.h"
#include "fs/attributes/member_list.h"
#include "fs/attributes/xattrs.h"
#include "fs/catalogue/names.h"
#include "fs/write/destination.h"
#include "fs/write/late_changes.h"
#include "fs/write/recovery.h"

namespace glancefs::fs {

namespace {

using std::chrono::milliseconds;

// How often to look at the journal again: another mount of the project may have died, or a program
// has let go of a file of the mount before this one.
constexpr milliseconds kFirstLook{100}, kLooks{60'000};

// How long a file waits for the process that was told to open it, which it does at once.
constexpr milliseconds kOpenTime{5000};

}  // namespace

Uploads::Uploads(UploadsConfig config, client::Images& images, cache::Store& store,
                 cache::Spools& spools, Tree& tree, Turns& turns, Failures& failures)
    : config_(std::move(config)),
      images_(images),
      spools_(spools),
      tree_(tree),
      turns_(turns),
      failures_(failures),
      formats_(images, config_.fallback_format),
      publisher_(config_.publisher, images, formats_),
      settlements_(config_.endpoint, store,
                   [this](const std::shared_ptr<Upload>& upload) { keep_late(upload); }),
      removals_({.endpoint = config_.endpoint, .replaced = config_.replaced}, images, store, tree,
                [this](const std::string& id) {
                  config_.removed(id);
                  settlements_.image_removed(id);
                }),
      succession_(images, tree, turns, removals_, failures),
      queue_(config_.at_once, [this](const std::shared_ptr<Upload>& upload) { send(upload); }) {
  recover();
  // It removes what it finds: that is for what was there before, and not for another mount's.
  if (config_.recover == Recover::kDiscard) return;
  recovery_ = std::thread([this] { recover_left(); });
}

Uploads::~Uploads() {
  ending_.request_stop();
  if (recovery_.joinable()) recovery_.join();
  // Nobody opens again what waited for its upload.
  for (const auto& upload : queue_.end()) {
    try {
      upload->mark_whole();
    } catch (const std::exception& error) {
      log::error("what waits for its upload: {}", error.what());
    }
  }
}

std::shared_ptr<Upload> Uploads::add(std::shared_ptr<cache::Spool> spool, client::Image image,
                                     bool found) {
  auto upload = std::make_shared<Upload>(std::move(spool), std::move(image), found);
  {
    Lock lock(mutex_);
    all_[upload.get()] = upload;
  }
  tree_.put(std::make_shared<const client::Image>(upload->image()), upload);
  return upload;
}

std::shared_ptr<Upload> Uploads::create(const Upload::Place& place) {
  cache::SpoolRecord record;
  record.cloud = config_.identity;
  record.image_id = client::new_uuid();
  record.directory = client::to_string(place.visibility);
  record.name = escape_name(place.name);
  record.replaces = place.replaces;
  client::Image image = image_of_record(record);
  image.owner = config_.project_id;
  return add(spools_.create(std::move(record)), std::move(image), false);
}

std::shared_ptr<Upload> Uploads::fill(const client::Image& queued) {
  cache::SpoolRecord record;
  record.cloud = config_.identity;
  record.image_id = queued.id;
  record.found = true;
  record.directory = client::to_string(queued.visibility);
  record.name = escape_name(queued.name.value_or(""));
  client::Image image = queued;
  // What Glance says there is no wish of whoever fills it.
  apply_change(image, {.key = std::string(kStoresKey), .value = std::nullopt});
  return add(spools_.create(std::move(record)), std::move(image), true);
}

// The image keeps its node for those who have it open, so the file has another one, which the
// opener finds by asking for the name again (ESTALE makes the kernel do that, once).
void Uploads::begin_replacing(const client::Image& old, pid_t opener, const std::stop_token& stop) {
  const Turns::Turn turn = turns_.take(node_of_image(old.id), stop);
  std::shared_ptr<Upload> upload = replacement(old.id);
  if (upload && upload->awaits(opener)) {
    const bool empty = upload->spool().size() == 0;
    if (empty) remove(upload, stop);
    if (!empty) succession_.step_behind(*upload);
    throw_errno(EPERM, "image " + old.id + " is replaced by writing to its name, not to an alias");
  }
  if (upload && upload->state() == Upload::State::kUploading) {
    throw_errno(EBUSY, "image " + old.id + " is being replaced by what is uploaded now");
  }
  if (!upload) {
    upload =
        create({.visibility = old.visibility, .name = old.name.value_or(""), .replaces = old.id});
  }
  upload->await(opener);
  tree_.set_behind(upload->id(), false);
  // Or forgotten, should nobody open it.
  schedule(upload, std::max<milliseconds>(config_.delay, kOpenTime));
}

std::shared_ptr<Upload> Uploads::replacement(const std::string& old_id) const {
  for (const auto& upload : all()) {
    if (upload->replaces() == old_id) return upload;
  }
  return nullptr;
}

// No program means to end an image by `: > FILE`, and what begins like that goes on by writing.
void Uploads::drop_empty(const std::shared_ptr<Upload>& upload) {
  constexpr const char* kReason = "an empty file replaces no image: it was dropped";
  failures_.remember(node_of_image(upload->replaces()),
                     std::make_exception_ptr(std::runtime_error(kReason)));
  publisher_.withdraw(upload->id(), Publisher::Withdraw::kAll, ending_.get_token());
  tree_.erase(upload->id());  // its name leads to the image again
  upload->drop();
  queue_.forget(upload);
  forget(*upload);
  throw_errno(ENODATA, kReason);
}

void Uploads::hold(const std::shared_ptr<Upload>& upload, const std::string& why) {
  upload->hold(why);
  succession_.step_behind(*upload);
}

void Uploads::cancel(const std::shared_ptr<Upload>& upload, const std::stop_token& stop) {
  upload->cancel("cancelled: user.glancefs.upload sends it, rm discards it", stop);
  queue_.forget(upload);
  succession_.step_behind(*upload);
}

void Uploads::move(const std::shared_ptr<Upload>& upload, const Upload::Place& place, bool whole) {
  upload->move(place, whole);
  tree_.put(std::make_shared<const client::Image>(upload->image()), upload);
  tree_.set_behind(upload->id(), false);
}

void Uploads::move_back(const std::shared_ptr<Upload>& upload,
                        const Upload::Place& place) noexcept {
  try {
    if (upload->removed()) return;
    move(upload, place, false);
    publish_later(upload);
  } catch (const std::exception& error) {
    log::error("{} keeps its new name: {}", upload->describe(), error.what());
  }
}

void Uploads::recover() {
  Recovery recovery(config_.recover, config_.identity, spools_, publisher_, tree_);
  for (Recovery::File& file : recovery.take_up(ending_.get_token())) {
    file.image.owner = config_.project_id;
    const bool found = file.spool->record().found;
    const auto upload = add(std::move(file.spool), std::move(file.image), found);
    succession_.step_behind(*upload);
    if (file.due) {
      schedule(upload, *file.due);
      continue;
    }
    hold(upload, file.why_not + ": user.glancefs.upload sends it, rm discards it");
    failures_.remember(node_of_image(upload->id()),
                       std::make_exception_ptr(std::runtime_error(file.why_not)));
  }
}

void Uploads::recover_left() noexcept {
  for (milliseconds wait = kFirstLook;; wait = std::min(2 * wait, kLooks)) {
    try {
      client::pause(wait, ending_.get_token());
      recover();
    } catch (const std::exception& error) {
      if (ending_.stop_requested()) return;
      log::warning("looking for files that wait in the journal: {}", error.what());
    }
  }
}

// Programs leave temporary files behind when they are killed.
void Uploads::expire(const std::shared_ptr<Upload>& upload) {
  const milliseconds left = local_life_left(upload->recorded());
  if (left > milliseconds(0) || upload->has_writers()) {
    return schedule(upload, std::max<milliseconds>(left, std::chrono::hours(1)));
  }
  log::info("{}: a temporary file of old is removed", upload->describe());
  remove(upload, ending_.get_token());
}

void Uploads::publish(const std::shared_ptr<Upload>& upload, std::stop_token stop) {
  const AnyStop any(stop, upload->cancelled(), ending_.get_token());
  upload->begin();
  run(upload, any.token());
}

void Uploads::publish_now(const std::shared_ptr<Upload>& upload, bool unfinished,
                          std::stop_token stop) {
  const AnyStop any(stop, upload->cancelled(), ending_.get_token());
  if (upload->begin_when_idle(any.token(), unfinished)) run(upload, any.token());
}

// An upload that has begun.
void Uploads::run(const std::shared_ptr<Upload>& upload, const std::stop_token& stop) {
  const std::string old = upload->replaces();
  if (upload->spool().size() == 0 && !old.empty()) return drop_empty(upload);
  const std::string former_id = upload->id();
  client::Image image;
  try {
    const UploadQueue::Place place = queue_.enter(stop);
    image = publisher_.publish(*upload, tree_.common_hash_algorithm(), stop);
    check_valid(*upload, image);
    succession_.take_name(*upload, image, stop);
    succession_.take_place(*upload, image, stop);
  } catch (...) {
    // Before anybody can remove it.
    follow_id(upload, former_id);
    succession_.step_behind(*upload);
    failures_.remember(node_of_image(upload->id()), std::current_exception());
    if (!old.empty()) failures_.remember(node_of_image(old), std::current_exception());
    upload->fail(describe(std::current_exception()));
    throw;
  }
  failures_.clear(node_of_image(image.id));
  failures_.clear(node_of_image(former_id));
  complete(upload, former_id, std::move(image), stop);
}

// A failed attempt may have left its id behind for good.
void Uploads::follow_id(const std::shared_ptr<Upload>& upload, const std::string& former_id) {
  if (upload->id() == former_id) return;
  tree_.put(std::make_shared<const client::Image>(upload->image()), upload);
  tree_.erase(former_id);
}

// What happened while it was sent, too late to be noticed on its way.
void Uploads::check_valid(Upload& upload, const client::Image& image) {
  if (upload.removed()) {
    images_.remove(image.id, {});
    throw_errno(ESTALE, "the file was removed while it was sent");
  }
  // Only the kernel can have written it. What was sent may be a mixture of before and after. (An
  // image that somebody else had made stays; keep_late() is for what came too late for it.)
  if (upload.changed() && !upload.found()) {
    images_.remove(image.id, {});
    throw_errno(EBUSY, "the file was written while it was uploaded");
  }
}

// From here on the file is an image like any other. Nobody changes it, or finds it, before the
// journal knows that.
void Uploads::complete(const std::shared_ptr<Upload>& upload, const std::string& former_id,
                       client::Image image, const std::stop_token& stop) {
  const NodeId node = node_of_image(former_id);
  const NodeId next = node_of_image(image.id);
  const Turns::Turn turn = turns_.take(std::min(node, next), {});
  std::optional<Turns::Turn> other;
  if (node != next) turns_.take(std::max(node, next), {}, other);
  apply_later(*upload, image, stop);
  upload->arrive();
  settlements_.expect(upload);
  if (former_id != image.id) tree_.erase(former_id);
  tree_.put(std::make_shared<const client::Image>(image));
  forget(*upload);  // before those are told who wait for its end
  upload->finish(image);
  settlements_.settle(upload, ending_.get_token());
}

void Uploads::keep_late(const std::shared_ptr<Upload>& upload) {
  const cache::SpoolRecord record = late_record(upload->spool().record());
  upload->spool().update(record);
  client::Image image = image_of_record(record);
  image.owner = config_.project_id;
  add(upload->shared_spool(), std::move(image), false)->hold(record.error);
}

void Uploads::apply_later(Upload& upload, client::Image& image, const std::stop_token& stop) {
  std::vector<client::Change> changes = upload.later();
  // They never went with the data. Those set later are the same.
  if (const auto members = field_text(upload.image(), kMembersKey)) {
    std::erase_if(changes, [](const client::Change& late) { return late.key == kMembersKey; });
    changes.push_back({.key = std::string(kMembersKey), .value = *members});
  }
  if (changes.empty()) return;
  const NodeId node = node_of_image(image.id);
  const auto failed = [&](const std::exception_ptr& reason) {
    failures_.record("setting what was set on the file", node, reason);
  };
  image = apply_late(images_, image, changes, failed, stop);
}

void Uploads::publish_later(const std::shared_ptr<Upload>& upload) {
  schedule(upload, config_.delay);
}

void Uploads::schedule(const std::shared_ptr<Upload>& upload, milliseconds delay) {
  Lock lock(mutex_);
  if (!all_.contains(upload.get())) return;  // removed meanwhile
  queue_.later(upload, delay, upload->is_local());
}

void Uploads::release(const std::shared_ptr<Upload>& upload) {
  if (upload->state() == Upload::State::kDone) {
    return settlements_.settle(upload, ending_.get_token());
  }
  if (upload->unsent()) return publish_later(upload);
  succession_.step_behind(*upload);
}

void Uploads::forget(const Upload& upload) {
  Lock lock(mutex_);
  all_.erase(&upload);
}

void Uploads::remove(const std::shared_ptr<Upload>& upload, std::stop_token stop) {
  // First of all: when Glance refuses, nothing has happened to the bytes either.
  if (upload->found()) delete_found(upload->id(), stop);
  upload->remove(stop);
  queue_.forget(upload);
  forget(*upload);
  const std::string id = upload->id();
  if (upload->state() == Upload::State::kDone && !upload->found()) {
    images_.remove(id, stop);
  } else if (!upload->found() && upload->announced()) {
    // An import that was left to itself would bring the file back.
    publisher_.withdraw(id, Publisher::Withdraw::kAll, stop);
  }
  tree_.erase(id);
}

// An image that somebody else had queued; that it is gone already is as good.
void Uploads::delete_found(const std::string& id, const std::stop_token& stop) {
  try {
    images_.remove(id, stop);
  } catch (const client::HttpError& error) {
    if (error.status() != 404) throw;
  }
}

std::vector<std::shared_ptr<Upload>> Uploads::all() const {
  Lock lock(mutex_);
  std::vector<std::shared_ptr<Upload>> uploads;
  for (const auto& [key, upload] : all_) uploads.push_back(upload);
  return uploads;
}

void Uploads::drain(UploadQueue::Time until, const std::stop_token& stop) {
  queue_.drain(until, stop);
  for (const auto& upload : all()) {
    log::warning("not uploaded, kept for the next mount: {}", upload->describe());
  }
}

std::string Uploads::pending() const {
  std::string text;
  for (const auto& upload : all()) text += upload->describe() + "\n";
  return text;
}

std::vector<Transfer> Uploads::transfers() const {
  std::vector<Transfer> transfers;
  for (const auto& upload : all()) {
    if (!upload->is_local()) transfers.push_back(upload->transfer());
  }
  return transfers;
}

void Uploads::send(const std::shared_ptr<Upload>& upload) {
  try {
    if (upload->is_local()) return expire(upload);
    if (succession_.is_surpassed(*upload)) {
      return hold(upload, "a newer image has the name it was to take");
    }
    const AnyStop any({}, upload->cancelled(), ending_.get_token());
    if (upload->begin_unless_written()) run(upload, any.token());
  } catch (...) {
    if (upload->removed()) return;
    failures_.record("upload", node_of_image(upload->id()), std::current_exception(), upload->id());
  }
}

}  // namespace glancefs::fs
