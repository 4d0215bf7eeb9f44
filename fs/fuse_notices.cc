#include "fs/fuse_notices.h"

#include <linux/fuse.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

namespace glancefs::fs {
namespace {

constexpr int kIncreaseEpoch = 8;      // FUSE_NOTIFY_INC_EPOCH of protocol 7.44, Linux 6.16
constexpr std::int64_t kNoPages = -1;  // as an offset: only attributes

struct Nothing {};

}  // namespace

template <typename Body>
int Notices::send(int code, const Body& body, std::string_view name) const noexcept {
  std::string bytes(sizeof(fuse_out_header), '\0');
  if constexpr (!std::is_empty_v<Body>) {
    bytes.append(reinterpret_cast<const char*>(&body), sizeof body);
  }
  if (!name.empty()) bytes.append(name).push_back('\0');
  fuse_out_header header{};
  header.len = static_cast<std::uint32_t>(bytes.size());
  header.error = code;
  std::memcpy(bytes.data(), &header, sizeof header);
  return ::write(connection_, bytes.data(), bytes.size()) < 0 ? errno : 0;
}

int Notices::attributes(NodeId node) const noexcept {
  const fuse_notify_inval_inode_out body{.ino = node, .off = kNoPages, .len = 0};
  return send(FUSE_NOTIFY_INVAL_INODE, body, {});
}

int Notices::listing(NodeId directory) const noexcept {
  const fuse_notify_inval_inode_out body{.ino = directory, .off = 0, .len = 0};
  return send(FUSE_NOTIFY_INVAL_INODE, body, {});
}

int Notices::entry(NodeId directory, std::string_view name, unsigned flags) const noexcept {
  const fuse_notify_inval_entry_out body{
      .parent = directory, .namelen = static_cast<std::uint32_t>(name.size()), .flags = flags};
  return send(FUSE_NOTIFY_INVAL_ENTRY, body, name);
}

int Notices::name(NodeId directory, std::string_view name) const noexcept {
  return entry(directory, name, FUSE_EXPIRE_ONLY);
}

int Notices::name_and_below(NodeId directory, std::string_view name) const noexcept {
  return entry(directory, name, 0);
}

int Notices::all_names() const noexcept { return send(kIncreaseEpoch, Nothing{}, {}); }

}  // namespace glancefs::fs
