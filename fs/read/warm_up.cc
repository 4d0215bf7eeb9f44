#include "fs/read/warm_up.h"

#include <algorithm>
#include <future>

#include "base/fd.h"
#include "base/log.h"
#include "client/retry.h"
#include "fs/catalogue/tree.h"

namespace glancefs::fs {
namespace {

// What is fetched at once: enough for all connections.
constexpr std::uint64_t kWindow = 128ULL * 1024 * 1024;
constexpr int kAttempts = 5;
constexpr int kPasses = 3;
constexpr std::chrono::seconds kPause{2};

// Somebody who wants bytes to be here, not to have them.
class Arrival : public PendingRead {
 public:
  Arrival(std::promise<void> arrived, std::stop_token stop)
      : arrived_(std::move(arrived)),
        stop_(std::move(stop)) {}
  std::stop_token interrupted() const override { return stop_; }
  void done(std::span<const std::byte> /*bytes*/) noexcept override { arrived_.set_value(); }
  void fail(std::exception_ptr reason) noexcept override {
    arrived_.set_exception(std::move(reason));
  }

 private:
  std::promise<void> arrived_;
  const std::stop_token stop_;
};

}  // namespace

WarmUp::WarmUp(Fetcher& fetcher, Failures& failures)
    : fetcher_(fetcher),
      failures_(failures),
      thread_([this] { run(); }) {}

WarmUp::~WarmUp() {
  {
    const Lock lock(mutex_);
    ending_ = true;
    current_.request_stop();
    changed_.notify_all();
  }
  thread_.join();
}

void WarmUp::add(client::ImagePtr image) {
  const Lock lock(mutex_);
  if (queued(image->id)) return;
  queue_.push_back(std::move(image));
  changed_.notify_all();
}

void WarmUp::remove(std::string_view image_id) {
  const Lock lock(mutex_);
  if (!queue_.empty() && queue_.front()->id == image_id) {
    current_.request_stop();
    return;
  }
  std::erase_if(queue_, [&](const client::ImagePtr& queued) { return queued->id == image_id; });
}

bool WarmUp::has(std::string_view image_id) const {
  const Lock lock(mutex_);
  return queued(image_id);
}

std::vector<client::ImagePtr> WarmUp::images() const {
  const Lock lock(mutex_);
  return {queue_.begin(), queue_.end()};
}

bool WarmUp::queued(std::string_view image_id) const {
  return std::ranges::any_of(queue_,
                             [&](const client::ImagePtr& image) { return image->id == image_id; });
}

void WarmUp::run() {
  Lock lock(mutex_);
  while (true) {
    while (queue_.empty() && !ending_) changed_.wait(mutex_);
    if (ending_) return;
    const client::ImagePtr image = queue_.front();
    current_ = {};
    const std::stop_token stop = current_.get_token();
    lock.unlock();
    try {
      fetch(image, stop);
    } catch (...) {
      if (!stop.stop_requested()) {
        failures_.record("prefetch", node_of_image(image->id), std::current_exception(), image->id);
      }
    }
    lock.lock();
    queue_.pop_front();
  }
}

void WarmUp::fetch(const client::ImagePtr& image, const std::stop_token& stop) {
  const auto reader = fetcher_.open(image);
  const std::shared_ptr<void> closing(nullptr, [&](void*) { fetcher_.close(reader); });
  int failed = 0;
  int passes = 0;
  std::uint64_t reached = 0;
  while (!stop.stop_requested()) {
    // From where the last one was, for looking from the beginning each time takes long in a large
    // image. When all is here, one more read, which waits for what the hash says.
    const auto hole = Fetcher::missing(*reader, reached);
    const std::uint64_t offset = hole ? hole->offset : 0;
    // A block or two may have been damaged; more than that has been given up for room.
    if (hole && offset < reached && ++passes == kPasses) {
      throw_errno(ENOSPC, "the cache cannot keep all of image " + image->id);
    }
    reached = offset;
    std::promise<void> promise;
    auto arrived = promise.get_future();
    fetcher_.read(reader, {.offset = offset, .length = 1},
                  std::make_unique<Arrival>(std::move(promise), stop), kWindow);
    try {
      arrived.get();
      if (!hole) return;
      failed = 0;
    } catch (const std::system_error& error) {
      if (stop.stop_requested() || ++failed == kAttempts) throw;
      log::info("prefetch of image {}: {}; trying again", image->id, error.what());
      client::pause(kPause, stop);
    }
  }
}

}  // namespace glancefs::fs
