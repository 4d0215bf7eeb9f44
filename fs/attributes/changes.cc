#include "fs/attributes/changes.h"

#include <sys/stat.h>

#include "base/fd.h"
#include "fs/attributes/stat.h"
#include "fs/write/unfinished.h"

namespace glancefs::fs {

// The owner's write bit is Glance's protection, which is against deletion.
void Changes::set_mode(NodeId node, mode_t mode, std::stop_token stop) {
  const Node known = changeable(config_, tree_, node);
  // Copying programs set the mode of what they write; that must not protect the image.
  if (known.upload) return;
  const bool protect = (mode & S_IWUSR) == 0;
  // False: it has become a file being written, see above.
  static_cast<void>(patches_.apply(
      node, Patches::Record::kKnown,
      [protect](const client::Image& image) -> std::vector<client::Change> {
        if (protect == image.is_protected) return {};
        return {{.key = "protected", .value = protect}};
      },
      std::move(stop)));
}

void Changes::set_size(NodeId node, std::uint64_t size) {
  const Node known = changeable(config_, tree_, node);
  if (known.upload) {
    known.upload->truncate(size);
    return uploads_.publish_later(known.upload);
  }
  if (readable_size(*known.image) == size) return;
  if (!known.ours) throw_errno(EACCES, "the image belongs to project " + known.image->owner);
  if (is_being_written(*known.image)) throw_errno(EBUSY, "the image is being written elsewhere");
  throw_errno(EPERM, "the bytes of an image never change");
}

}  // namespace glancefs::fs
