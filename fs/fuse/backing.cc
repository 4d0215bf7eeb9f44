#include "fs/fuse/backing.h"

#include <sys/stat.h>

#include <cerrno>

#include "base/log.h"

namespace glancefs::fs {
namespace {

// What will not change while we run: rights, and the kernel.
bool is_for_good(int error) { return error == EPERM || error == ENOTTY; }

dev_t disk_of(const Fd& file) noexcept {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 ? status.st_dev : 0;
}

std::string meaning(const std::system_error& error) {
  switch (error.code().value()) {
    case EPERM:
      return "passthrough needs CAP_SYS_ADMIN of the host";
    case ELOOP:
      return "it is on a stacked file system such as overlayfs";
    default:
      return error.what();
  }
}

}  // namespace

void Backings::use(BackingDevice& device) noexcept {
  const Lock lock(mutex_);
  device_ = &device;
}

std::int32_t Backings::enter(NodeId node, const Fd* file) {
  std::string trouble;
  std::int32_t id = 0;
  {
    // Held across the ioctl, which waits for nothing: a file must not get two numbers.
    const Lock lock(mutex_);
    Opens& opens = opens_[node];
    if (opens.passed == 0 && opens.cached == 0 && file != nullptr) {
      opens.id = hand_over(*file, trouble);
    }
    id = opens.id;  // 0 while it is open through the page cache: the two exclude each other
    ++(id != 0 ? opens.passed : opens.cached);
  }
  if (!trouble.empty()) {
    log::info("files are read and written by the daemon: {}", trouble);
    files_.set_read_mode("by the daemon: " + trouble);
  }
  return id;
}

std::int32_t Backings::hand_over(const Fd& file, std::string& trouble) {
  if (device_ == nullptr || given_up_) return 0;
  const dev_t disk = disk_of(file);
  if (stacked_.contains(disk)) return 0;
  try {
    return device_->open(file);
  } catch (const std::system_error& error) {
    given_up_ = is_for_good(error.code().value());
    if (error.code().value() == ELOOP) stacked_.insert(disk);
    if (given_up_ || stacked_.contains(disk)) {
      trouble = meaning(error);
    } else {
      log::debug("a file is not passed through: {}", error.what());
    }
    return 0;
  }
}

bool Backings::enter_cached(NodeId node) {
  const Lock lock(mutex_);
  Opens& opens = opens_[node];
  if (opens.passed > 0) return false;
  ++opens.cached;
  return true;
}

void Backings::leave(NodeId node, std::int32_t id) noexcept {
  const Lock lock(mutex_);
  const auto found = opens_.find(node);
  if (found == opens_.end()) return;
  Opens& opens = found->second;
  --(id != 0 ? opens.passed : opens.cached);
  if (opens.passed == 0 && id != 0) device_->close(id);
  if (opens.passed == 0 && opens.cached == 0) opens_.erase(found);
}

}  // namespace glancefs::fs
