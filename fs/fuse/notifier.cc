#include "fs/fuse/notifier.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace glancefs::fs {
namespace {

// What may queue. More attributes than that come anew with the names.
constexpr std::size_t kMostQueued = 20'000;
// It takes microseconds. The bound is for a machine that has come to a standstill.
constexpr std::chrono::seconds kLongestSettling{1};
// What may be wrong for so long is what "made elsewhere shows within metadata-ttl" has room for.
constexpr std::chrono::milliseconds kUntold{1000};

}  // namespace

void Notifier::start(int connection) {
  thread_ = std::thread([this, connection] { work(connection); });
  works_ = true;
}

void Notifier::stop() noexcept {
  works_ = false;
  {
    Lock lock(mutex_);
    stopped_ = true;
    work_.notify_all();
    told_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Notifier::changed(TreeChanges changes) noexcept {
  if (!works_) return;
  Lock lock(mutex_);
  ++changes_;
  names_ |= changes.everything || !changes.names.empty();
  listings_.insert(changes.directories.begin(), changes.directories.end());
  attributes_.insert(changes.nodes.begin(), changes.nodes.end());
  if (attributes_.size() > kMostQueued) {
    attributes_.clear();
    names_ = true;
  }
  work_.notify_all();
}

void Notifier::drop_listing(NodeId directory) noexcept {
  changed({.everything = false, .directories = {directory}, .names = {}, .nodes = {}});
}

void Notifier::settle() noexcept {
  if (!works_) return;
  const auto deadline = std::chrono::steady_clock::now() + kLongestSettling;
  Lock lock(mutex_);
  const std::uint64_t until = changes_;
  while (!stopped_ && changes_told_ < until) {
    if (!told_.wait_until(mutex_, deadline)) return;
  }
}

std::chrono::milliseconds Notifier::valid(std::chrono::milliseconds wanted) const noexcept {
  return works_ ? wanted : std::min(wanted, kUntold);
}

void Notifier::heard(int error) noexcept {
  if (error == 0 || error == ENOENT) return;
  if (works_.exchange(false)) {
    log::debug("the kernel is no longer told of changes: {}", std::strerror(error));
  }
}

void Notifier::work(int connection) {
  const Notices notices(connection);
  Lock lock(mutex_);
  while (!stopped_) {
    const std::uint64_t until = changes_;
    if (changes_told_ == until) {
      work_.wait(mutex_);
      continue;
    }
    const auto listings = std::exchange(listings_, {});
    const auto attributes = std::exchange(attributes_, {});
    const bool names = std::exchange(names_, false);
    lock.unlock();
    for (const NodeId node : attributes) heard(notices.attributes(node));
    for (const NodeId directory : listings) heard(notices.listing(directory));
    if (names) {
      listings_in_use_.names_forgotten();
      heard(notices.all_names());
    }
    lock.lock();
    changes_told_ = until;
    told_.notify_all();
  }
}

}  // namespace glancefs::fs
