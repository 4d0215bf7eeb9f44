#include "fs/fuse/space.h"

#include <unistd.h>

#include <utility>

#include "fs/fuse/request.h"

namespace glancefs::fs {
namespace {

// It comes here also of files that the kernel writes by itself.
void fallocate(fuse_req_t raw, fuse_ino_t node, int mode, off_t offset, off_t length,
               fuse_file_info* info) {
  Handle& handle = *OpenTable<OpenFile>::at(info->fh).handle;
  dispatch(shell_of(raw).metadata, raw, "fallocate", node,
           [&handle, mode, offset, length](Request& request, std::stop_token stop) {
             request.files().allocate(handle, mode, static_cast<std::uint64_t>(offset),
                                      static_cast<std::uint64_t>(length), std::move(stop));
             return Done{};
           });
}

// Other positions than those of holes the kernel finds by itself.
void lseek(fuse_req_t raw, fuse_ino_t node, off_t offset, int whence, fuse_file_info* info) {
  serve(raw, "lseek", node, [&](Request& request) {
    const Handle& handle = *OpenTable<OpenFile>::at(info->fh).handle;
    const Seek wanted = whence == SEEK_HOLE ? Seek::kHole : Seek::kData;
    return Position{request.files().seek(handle, static_cast<std::uint64_t>(offset), wanted)};
  });
}

}  // namespace

void add_space_operations(fuse_lowlevel_ops& all) noexcept {
  all.fallocate = fallocate;
  all.lseek = lseek;
}

}  // namespace glancefs::fs
