#include "fs/stat.h"

#include <sys/stat.h>

#include "fs/upload.h"

namespace glancefs::fs {
namespace {

// The tree follows changes made elsewhere within its own time; the kernel adds no more than this.
constexpr std::chrono::milliseconds kValid{1000};

mode_t permissions(const Node& node, bool is_admin) {
  const client::Image& image = *node.image;
  if (node.upload) return 0644;
  if (image.status == client::Status::kDeactivated) return is_admin ? 0400 : 0;
  // Killed, or a word of a Glance to come: nothing we know can be done with it but rm.
  if (image.status == client::Status::kOther) return 0444;
  return node.ours && !image.is_protected ? 0644 : 0444;
}

}  // namespace

std::uint64_t readable_size(const client::Image& image) {
  const bool has_data =
      image.status == client::Status::kActive || image.status == client::Status::kDeactivated;
  return has_data ? image.size.value_or(0) : 0;
}

Stat::Stat(const Config& config)
    : read_only_(config.read_only),
      is_admin_(config.is_admin),
      uid_(config.uid),
      gid_(config.gid),
      umask_(config.umask),
      mounted_(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())) {}

Attributes Stat::base(NodeId node, mode_t mode) const {
  Attributes attributes;
  attributes.node = node;
  attributes.mode = mode & ~umask_;
  if (read_only_) attributes.mode &= ~mode_t{0222};
  attributes.uid = uid_;
  attributes.gid = gid_;
  attributes.modified = attributes.changed = mounted_;
  return attributes;
}

Attributes Stat::directory(NodeId node) const {
  Attributes attributes = base(node, S_IFDIR | 0755);
  attributes.links = 2;
  return attributes;
}

Attributes Stat::text(NodeId node, std::uint64_t size) const {
  Attributes attributes = base(node, S_IFREG | 0444);
  attributes.size = size;
  attributes.modified = attributes.changed =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return attributes;
}

Attributes Stat::link(NodeId node, std::uint64_t size) const {
  Attributes attributes = base(node, S_IFLNK | 0777);
  attributes.size = size;
  return attributes;
}

Attributes Stat::file(const Node& node) const {
  Attributes attributes = base(node.id, S_IFREG | permissions(node, is_admin_));
  attributes.size =
      node.upload ? node.upload->image().size.value_or(0) : readable_size(*node.image);
  attributes.blocks = (attributes.size + 511) / 512;
  attributes.modified = node.image->created;
  attributes.changed = node.image->updated;
  return attributes;
}

// Whoever opens an image just when its data have come must not be told by the kernel that it is
// empty.
std::chrono::milliseconds Stat::valid(const Node& node) {
  const client::Status status = node.image->status;
  const bool final = status == client::Status::kActive || status == client::Status::kDeactivated;
  return final && !node.upload && !node.contested ? kValid : std::chrono::milliseconds(0);
}

}  // namespace glancefs::fs
