#include "fs/fuse/notices.h"

#include <linux/fuse.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace glancefs::fs {
namespace {

constexpr int kIncreaseEpoch = 8;      // FUSE_NOTIFY_INC_EPOCH; headers of 2024 lack it
constexpr std::int64_t kNoPages = -1;  // as an offset: only attributes

}  // namespace

// `body`: at most one structure.
template <typename... Body>
int Notices::send(int code, const Body&... body) const noexcept {
  std::array<std::byte, sizeof(fuse_out_header) + (0 + ... + sizeof body)> bytes{};
  fuse_out_header header{};
  header.len = static_cast<std::uint32_t>(bytes.size());
  header.error = code;
  std::memcpy(bytes.data(), &header, sizeof header);
  (std::memcpy(bytes.data() + sizeof header, &body, sizeof body), ...);
  return ::write(connection_, bytes.data(), bytes.size()) < 0 ? errno : 0;
}

int Notices::attributes(NodeId node) const noexcept {
  return send(FUSE_NOTIFY_INVAL_INODE,
              fuse_notify_inval_inode_out{.ino = node, .off = kNoPages, .len = 0});
}

int Notices::listing(NodeId directory) const noexcept {
  return send(FUSE_NOTIFY_INVAL_INODE,
              fuse_notify_inval_inode_out{.ino = directory, .off = 0, .len = 0});
}

int Notices::all_names() const noexcept { return send(kIncreaseEpoch); }

}  // namespace glancefs::fs
