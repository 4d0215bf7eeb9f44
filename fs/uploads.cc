#include "fs/uploads.h"

#include <algorithm>
#include <functional>

#include "base/fd.h"
#include "base/log.h"
#include "fs/blocks.h"
#include "fs/destination.h"
#include "fs/names.h"
#include "fs/xattrs.h"

namespace glancefs::fs {
namespace {

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
  record.directory = client::to_string(queued.visibility);
  record.name = escape_name(queued.name.value_or(""));
  client::Image image = queued;
  // What Glance says there is no wish of whoever fills it.
  apply_change(image, {.key = std::string(kStoresKey), .value = std::nullopt});
  return add(spools_.create(std::move(record)), std::move(image), true);
}

void Uploads::recover() {
  for (std::unique_ptr<cache::Spool>& spool : spools_.recover(config_.identity)) {
    const cache::SpoolRecord record = spool->record();
    if (is_local_name(record.name)) {  // a program's temporary file; the program is gone
      spool->discard();
      continue;
    }
    client::Image image = image_of_record(record);
    image.owner = config_.project_id;
    log::info("{}/{}: found in the journal, {} bytes", record.directory, record.name,
              spool->size());
    publish_later(add(std::move(spool), std::move(image), false));
  }
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
  complete(*upload, former_id, image, any.token());
  failures_.clear(node_of_image(image.id));
  apply_later(*upload, std::move(image), any.token());
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

void Uploads::apply_later(Upload& upload, client::Image image, std::stop_token stop) {
  const std::vector<client::Change> changes = upload.later();
  if (changes.empty()) return;
  try {
    image = images_.update(image.id, changes, stop);
    tree_.put(std::make_shared<const client::Image>(std::move(image)));
  } catch (...) {
    failures_.record("setting what was set during the upload", node_of_image(image.id),
                     std::current_exception());
  }
}

void Uploads::publish_later(const std::shared_ptr<Upload>& upload) {
  Lock lock(mutex_);
  if (!all_.contains(upload.get())) return;  // removed meanwhile
  due_[upload.get()] = std::chrono::steady_clock::now() + config_.delay;
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
  } else if (upload->left_at_glance()) {
    discard_at_glance(image.id, stop);
  }
  tree_.erase(image.id);
  upload->spool().discard();
}

// An import that was left to itself would otherwise bring the file back.
void Uploads::discard_at_glance(const std::string& id, std::stop_token stop) {
  try {
    images_.remove(id, std::move(stop));
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::no_such_file_or_directory) return;
    log::warning("image {} may be left at Glance: {}", id, error.what());
  }
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
    if (upload->has_writers() || upload->state() == Upload::State::kUploading ||
        is_local_name(name)) {
      continue;
    }
    lock.unlock();
    try {
      publish(upload, {});
    } catch (...) {
      failures_.record("upload", node_of_image(upload->image().id), std::current_exception());
    }
    lock.lock();
  }
}

}  // namespace glancefs::fs
