#include "fs/fuse_notifier.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <iterator>
#include <utility>

#include "base/log.h"

namespace glancefs::fs {
namespace {

// What may queue: some megabytes of names at most.
constexpr std::size_t kMostQueued = 20'000;
// A bound for the case that somebody holds a directory for long: a create on a slow disk, say.
constexpr std::chrono::seconds kLongestSettling{1};
// What may be wrong for so long is what "made elsewhere shows within metadata-ttl" has room for.
constexpr std::chrono::milliseconds kUntold{1000};

}  // namespace

void Notifier::start(int connection) {
  connection_ = connection;
  inode_thread_ = std::thread([this] { tell_inodes(); });
  name_thread_ = std::thread([this] { tell_names(); });
  works_ = true;
}

void Notifier::close() noexcept {
  works_ = false;
  Lock lock(mutex_);
  closed_ = true;
  listings_.clear();
  attributes_.clear();
  names_.clear();
  everything_ = false;
  work_.notify_all();
  told_.notify_all();
}

void Notifier::stop() noexcept {
  close();
  if (inode_thread_.joinable()) inode_thread_.join();
  if (name_thread_.joinable()) name_thread_.join();
}

void Notifier::changed(TreeChanges changes) noexcept {
  Lock lock(mutex_);
  if (closed_ || !works_) return;
  ++changes_;
  everything_ |= changes.everything;
  listings_.insert(changes.directories.begin(), changes.directories.end());
  attributes_.insert(changes.nodes.begin(), changes.nodes.end());
  names_.insert(std::make_move_iterator(changes.names.begin()),
                std::make_move_iterator(changes.names.end()));
  bound();
  work_.notify_all();
}

void Notifier::drop_listing(NodeId directory) noexcept {
  changed({.everything = false, .directories = {directory}, .names = {}, .nodes = {}});
}

void Notifier::bound() {
  if (attributes_.size() + names_.size() > kMostQueued) everything_ = true;
  if (!everything_) return;
  attributes_.clear();
  names_.clear();
}

void Notifier::settle(Wait wait) noexcept {
  const auto deadline = std::chrono::steady_clock::now() + kLongestSettling;
  Lock lock(mutex_);
  const std::uint64_t until = changes_;
  while (!closed_ && works_ &&
         (inodes_told_ < until || (wait == Wait::kAll && names_told_ < until))) {
    if (!told_.wait_until(mutex_, deadline)) return;
  }
}

std::chrono::milliseconds Notifier::valid(std::chrono::milliseconds wanted) const noexcept {
  return works_ ? wanted : std::min(wanted, kUntold);
}

void Notifier::heard(int error) noexcept {
  if (error == 0 || error == ENOENT) return;
  // The connection has ended, and with it the kernel's memory.
  if (error == ENODEV || error == EPIPE || error == ENOTCONN || error == ECONNRESET) return;
  if (works_.exchange(false)) {
    log::warning("the kernel cannot be told of changes ({}); they show after a second",
                 std::strerror(error));
  }
}

void Notifier::tell_inodes() {
  const Notices notices(connection_);
  Lock lock(mutex_);
  while (!closed_) {
    const std::uint64_t until = changes_;
    if (inodes_told_ == until) {
      work_.wait(mutex_);
      continue;
    }
    const auto listings = std::exchange(listings_, {});
    const auto attributes = std::exchange(attributes_, {});
    lock.unlock();
    for (const NodeId node : attributes) heard(notices.attributes(node));
    for (const NodeId directory : listings) heard(notices.listing(directory));
    lock.lock();
    inodes_told_ = until;
    told_.notify_all();
  }
}

void Notifier::tell_names() {
  const Notices notices(connection_);
  Lock lock(mutex_);
  while (!closed_) {
    const std::uint64_t until = changes_;
    if (names_told_ == until) {
      work_.wait(mutex_);
      continue;
    }
    const auto names = std::exchange(names_, {});
    const bool everything = std::exchange(everything_, false);
    lock.unlock();
    if (everything) tell_everything(notices);
    for (const NameChange& name : names) heard(notices.name(name.directory, name.name));
    lock.lock();
    names_told_ = until;
    told_.notify_all();
  }
}

// A name that is looked up again brings its attributes with it.
void Notifier::tell_everything(const Notices& notices) noexcept {
  const int error = notices.all_names();
  if (error != EINVAL) return heard(error);
  try {
    for (const DirectoryEntry& entry : files_.list(kRootNode)) {
      heard(notices.name_and_below(kRootNode, entry.name));
    }
    heard(notices.name_and_below(kRootNode, ".glancefs"));  // there, but not listed
  } catch (const std::exception& failure) {
    works_ = false;
    log::warning("the kernel cannot be told of changes: {}", failure.what());
  }
}

}  // namespace glancefs::fs
