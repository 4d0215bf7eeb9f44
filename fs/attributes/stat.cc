#include "fs/attributes/stat.h"

#include <sys/stat.h>

#include "fs/write/upload.h"

namespace glancefs::fs {

namespace {

// The kernel is told of what changes. Should a word of that get lost, this is how long it shows.
constexpr std::chrono::milliseconds kSettled = std::chrono::hours(1);

}  // namespace

std::uint64_t readable_size(const client::Image& image) {
  const bool has_data =
      image.status == client::Status::kActive || image.status == client::Status::kDeactivated;
  return has_data ? image.size.value_or(0) : 0;
}

mode_t Stat::permissions(const Node& node) const {
  const client::Image& image = *node.image;
  if (node.upload) return 0644;
  if (image.status == client::Status::kDeactivated) return is_admin_ ? 0400 : 0;
  // Killed, or a word of a Glance to come: nothing we know can be done with it but rm.
  if (image.status == client::Status::kOther) return 0444;
  return (node.ours || all_projects_) && !image.is_protected ? 0644 : 0444;
}

Stat::Stat(const Config& config)
    : all_projects_(config.all_projects || config.subdirectory.starts_with("projects/")),
      is_admin_(config.is_admin),
      uid_(config.uid),
      gid_(config.gid),
      umask_(config.umask),
      mounted_(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())) {}

Attributes Stat::base(NodeId node, mode_t mode) const {
  Attributes attributes;
  attributes.node = node;
  attributes.mode = mode & ~umask_;
  attributes.uid = uid_;
  attributes.gid = gid_;
  attributes.modified = attributes.changed = mounted_;
  return attributes;
}

Attributes Stat::directory(NodeId node, std::size_t subdirectories,
                           std::optional<FileTime> changed) const {
  Attributes attributes = base(node, S_IFDIR | 0755);
  if (changed) attributes.modified = attributes.changed = *changed;
  attributes.links = static_cast<std::uint32_t>(2 + subdirectories);
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
  Attributes attributes = base(node.id, S_IFREG | permissions(node));
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
  if (node.upload || node.contested) return std::chrono::milliseconds(0);
  const client::Status status = node.image->status;
  const bool settled = status == client::Status::kActive || status == client::Status::kDeactivated;
  return settled ? kSettled : std::chrono::milliseconds(0);
}

}  // namespace glancefs::fs
