// FUSE passthrough: the kernel reads a file of ours by itself, at the speed of that file, where a
// read that comes here costs ten times as much. The one place that knows the kernel's ABI of it:
// libfuse has an API only from 3.17 on, and Debian 12 ships 3.14. There the same three things are
// done without libfuse: the answer to INIT is changed on its way out (so the session must run on
// our own read and writev, which it does on a mount made by FuseMount), the answer to OPEN is sent
// raw, and files are handed over by ioctl. Needs Linux 6.9 and CAP_SYS_ADMIN.
#pragma once

#include <fuse_lowlevel.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "fs/fuse/backing.h"

namespace glancefs::fs {

/// Whether libfuse can do it by itself, so that it may also mount.
inline constexpr bool kLibfusePassesThrough = FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17);

/// The device of a session that is mounted; `fd` must stay open as long as this lives.
std::unique_ptr<BackingDevice> open_backing_device(int fd);

/// What one session and the kernel have agreed on. want() or refuse() come before the session runs,
/// INIT is answered before the kernel sends anything else; the rest is thread-safe.
class Passthrough {
 public:
  /// Asks the kernel for it, and hands files over through `device`.
  void want(std::unique_ptr<BackingDevice> device) noexcept { device_ = std::move(device); }
  /// Does without it because of `reason`, for people to read.
  void refuse(std::string reason) { refused_ = std::move(reason); }

  /// On INIT: tells libfuse or prepares the change of the answer. Answers the device to use; null:
  /// see refused().
  BackingDevice* agree(fuse_conn_info& connection);
  const std::string& refused() const noexcept { return refused_; }

  /// The session's read(2) got `request`.
  void received(std::span<const std::byte> request) noexcept;
  /// The session's writev(2).
  ssize_t send(int fd, std::span<const iovec> parts) noexcept;

  /// As fuse_reply_open() and fuse_reply_create(); `backing` is a number of the device, or 0 for an
  /// ordinary open.
  static int reply_open(fuse_req_t request, fuse_file_info& info, std::int32_t backing) noexcept;
  static int reply_create(fuse_req_t request, const fuse_entry_param& entry, fuse_file_info& info,
                          std::int32_t backing) noexcept;

 private:
  std::unique_ptr<BackingDevice> device_;
  std::string refused_ = "not mounted as root";
  bool offered_ = false;                 // by the kernel; used by the thread that reads INIT only
  std::atomic<std::uint64_t> hello_{0};  // the INIT whose answer is to be changed; 0: none
};

}  // namespace glancefs::fs
