#include "fs/uploads.h"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include "base/fd.h"
#include "base/log.h"
#include "fs/blocks.h"
#include "fs/names.h"

namespace glancefs::fs {
namespace {

// How long the temporary file of a program that has gone is kept.
constexpr std::chrono::hours kLocalLife{24};

std::chrono::milliseconds age(std::chrono::system_clock::time_point changed) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now() -
                                                               changed);
}

// Ends when one of several does.
class AnyStop {
 public:
  AnyStop(const std::stop_token& a, const std::stop_token& b, const std::stop_token& c)
      : a_(a, Request{source_}),
        b_(b, Request{source_}),
        c_(c, Request{source_}) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  struct Request {
    mutable std::stop_source source;
    void operator()() const { source.request_stop(); }
  };
  std::stop_source source_;
  std::stop_callback<Request> a_, b_, c_;
};

}  // namespace

Uploads::Uploads(UploadsConfig config, client::Images& images, cache::Store& store,
                 cache::Spools& spools, Tree& tree, Failures& failures)
    : config_(std::move(config)),
      images_(images),
      store_(store),
      spools_(spools),
      tree_(tree),
      failures_(failures),
      publisher_(config_.publisher, images) {
  recover();
  worker_ = std::thread([this] { work(); });
}

Uploads::~Uploads() {
  ending_.request_stop();
  {
    Lock lock(mutex_);
    changed_.notify_all();
  }
  worker_.join();
  mark_whole();
}

// Nobody opens again what waited for its upload.
void Uploads::mark_whole() noexcept {
  Lock lock(mutex_);
  for (const auto& [key, time] : due_) {
    try {
      const std::shared_ptr<Upload>& upload = all_.at(key);
      if (!is_local_name(upload->image().name.value_or(""))) upload->mark_whole();
    } catch (const std::exception& error) {
      log::error("what waits for its upload: {}", error.what());
    }
  }
}

std::shared_ptr<Upload> Uploads::add(std::unique_ptr<cache::Spool> spool, client::Image image,
                                     bool found) {
  auto upload = std::make_shared<Upload>(std::move(spool), std::move(image), found);
  {
    Lock lock(mutex_);
    all_[upload.get()] = upload;
  }
  tree_.put(std::make_shared<const client::Image>(upload->image()), upload);
  return upload;
}

std::shared_ptr<Upload> Uploads::create(client::Visibility visibility, const std::string& name) {
  cache::SpoolRecord record;
  record.cloud = config_.identity;
  record.image_id = client::new_uuid();
  record.directory = client::to_string(visibility);
  record.name = escape_name(name);
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
  return add(spools_.create(std::move(record)), queued, true);
}

void Uploads::recover() {
  for (std::unique_ptr<cache::Spool>& spool : spools_.recover(config_.identity)) {
    take_up(std::move(spool));
  }
}

void Uploads::take_up(std::unique_ptr<cache::Spool> spool) {
  const cache::SpoolRecord record = spool->record();
  const bool unfinished = record.state == cache::SpoolState::kWriting;
  const bool local = is_local_name(record.name);
  if (config_.recover == Recover::kDiscard) return drop(*spool, "recover=discard");
  if (unfinished && spool->size() == 0) return drop(*spool, "nothing had been written");
  if (local && age(record.changed) >= kLocalLife) return drop(*spool, "a temporary file of old");

  client::Image image = image_of_record(record);
  image.owner = config_.project_id;
  log::info("{}/{}: found in the journal, {} bytes", record.directory, log::printable(record.name),
            spool->size());
  const auto upload = add(std::move(spool), std::move(image), record.found);
  if (local) return schedule(upload, kLocalLife - age(record.changed));
  if (!unfinished && config_.recover == Recover::kAuto) return schedule(upload, {});
  const std::string why = unfinished
                              ? "the mount ended while this was being written; it may be half of it"
                              : "kept by recover=keep";
  upload->hold(why + ": user.glancefs.upload sends it, rm discards it");
  failures_.remember(node_of_image(record.image_id),
                     std::make_exception_ptr(std::runtime_error(why)));
}

// Bytes that nobody will ask for; what an upload cut short has left at Glance goes with them.
void Uploads::drop(cache::Spool& spool, const std::string& why) {
  const cache::SpoolRecord record = spool.record();
  log::warning("{}/{}: {} bytes found in the journal are removed: {}", record.directory,
               log::printable(record.name), spool.size(), why);
  // The first listing may hold it already.
  if (record.state != cache::SpoolState::kWriting && !record.found &&
      publisher_.withdraw(record.image_id, ending_.get_token())) {
    tree_.erase(record.image_id);
  }
  spool.discard();
}

// Programs leave temporary files behind when they are killed.
void Uploads::expire(const std::shared_ptr<Upload>& upload) {
  const auto left = kLocalLife - age(upload->changed());
  if (left > std::chrono::milliseconds(0) || upload->has_writers()) {
    return schedule(upload, std::max<std::chrono::milliseconds>(left, std::chrono::hours(1)));
  }
  log::info("{}: a temporary file of old is removed", log::printable(upload->describe()));
  remove(upload, ending_.get_token());
}

void Uploads::publish(const std::shared_ptr<Upload>& upload, std::stop_token stop) {
  const AnyStop any(stop, upload->cancelled(), ending_.get_token());
  const std::string former_id = upload->image().id;
  upload->begin();
  client::Image image;
  try {
    image = publisher_.publish(*upload, tree_.common_hash_algorithm(), any.token());
  } catch (...) {
    upload->fail(describe(std::current_exception()));
    throw;
  }
  failures_.clear(node_of_image(image.id));
  apply_later(*upload, image, any.token());  // before the journal forgets them
  complete(*upload, former_id, image, any.token());
  apply_later(*upload, image, any.token());  // what came in between
}

// From here on the file is an image like any other; its spool becomes the cache entry, so that what
// was just written need not be fetched.
void Uploads::complete(Upload& upload, const std::string& former_id, const client::Image& image,
                       std::stop_token stop) {
  upload.finish(image);
  if (image.status == client::Status::kActive && !image.hash.empty()) {
    store_.adopt(cache_key(config_.endpoint, image), upload.spool().path(), std::move(stop));
  }
  upload.spool().discard();
  if (former_id != image.id) tree_.erase(former_id);
  tree_.put(std::make_shared<const client::Image>(image));
  Lock lock(mutex_);
  all_.erase(&upload);
  due_.erase(&upload);
}

void Uploads::apply_later(Upload& upload, client::Image& image, std::stop_token stop) {
  const std::vector<client::Change> changes = upload.later();
  if (changes.empty()) return;
  try {
    image = images_.update(image.id, changes, stop);
    if (upload.state() == Upload::State::kDone) {
      tree_.put(std::make_shared<const client::Image>(image));
    }
  } catch (...) {
    failures_.record("setting what was set during the upload", node_of_image(image.id),
                     std::current_exception());
  }
}

void Uploads::publish_later(const std::shared_ptr<Upload>& upload) {
  schedule(upload, config_.delay);
}

void Uploads::schedule(const std::shared_ptr<Upload>& upload, std::chrono::milliseconds delay) {
  Lock lock(mutex_);
  if (!all_.contains(upload.get())) return;  // removed meanwhile
  due_[upload.get()] = std::chrono::steady_clock::now() + delay;
  changed_.notify_all();
}

void Uploads::remove(const std::shared_ptr<Upload>& upload, std::stop_token stop) {
  const client::Image image = upload->image();
  upload->cancel();
  {
    Lock lock(mutex_);
    all_.erase(upload.get());
    due_.erase(upload.get());
  }
  if (upload->found()) {
    images_.remove(image.id, stop);
  } else if (upload->announced()) {
    publisher_.withdraw(image.id, stop);
  }
  tree_.erase(image.id);
  upload->spool().discard();
}

std::string Uploads::pending() const {
  Lock lock(mutex_);
  std::string text;
  for (const auto& [key, upload] : all_) text += upload->describe() + "\n";
  return text;
}

void Uploads::work() {
  Lock lock(mutex_);
  while (!ending_.stop_requested()) {
    const auto first = std::ranges::min_element(
        due_, {}, [](const std::pair<const Upload* const, Time>& due) { return due.second; });
    if (first == due_.end()) {
      changed_.wait(mutex_);
      continue;
    }
    if (first->second > std::chrono::steady_clock::now()) {
      changed_.wait_until(mutex_, first->second);
      continue;
    }
    const std::shared_ptr<Upload> upload = all_.at(first->first);
    due_.erase(first);
    const std::string name = upload->image().name.value_or("");
    const bool local = is_local_name(name);
    if (!local && (upload->has_writers() || upload->state() == Upload::State::kUploading)) continue;
    lock.unlock();
    try {
      local ? expire(upload) : publish(upload, {});
    } catch (...) {
      failures_.record("upload", node_of_image(upload->image().id), std::current_exception());
    }
    lock.lock();
  }
}

}  // namespace glancefs::fs
