#include "fs/fuse/directory.h"

#include <sys/stat.h>

#include <optional>
#include <span>
#include <string>

namespace glancefs::fs {
namespace {

// Packs records until one does not fit.
class Packer {
 public:
  Packer(fuse_req_t request, std::size_t room, ListingKind kind)
      : request_(request),
        kind_(kind),
        bytes_(room) {}

  // False: no room, the record is for the next call.
  bool add(const char* name, const fuse_entry_param& entry, std::uint64_t next) {
    char* at = reinterpret_cast<char*>(bytes_.data()) + used_;
    const std::size_t room = bytes_.size() - used_;
    const std::size_t size =
        kind_ == ListingKind::kNames
            ? fuse_add_direntry(request_, at, room, name, &entry.attr, static_cast<off_t>(next))
            : fuse_add_direntry_plus(request_, at, room, name, &entry, static_cast<off_t>(next));
    if (size > room) return false;
    used_ += size;
    return true;
  }

  std::vector<std::byte> take() {
    bytes_.resize(used_);
    return std::move(bytes_);
  }

 private:
  fuse_req_t request_;
  ListingKind kind_;
  std::vector<std::byte> bytes_;
  std::size_t used_ = 0;
};

// A record that is not a lookup: node 0 is what the kernel passes over then.
fuse_entry_param bare(NodeId node, mode_t type) {
  fuse_entry_param param{};
  param.attr.st_ino = node;
  param.attr.st_mode = type;
  return param;
}

// nullopt: gone, leave it out. `present`: the listing is the present one.
std::optional<fuse_entry_param> record(Shell& shell, NodeId directory, const DirectoryEntry& entry,
                                       ListingKind kind, bool present) {
  if (present && entry.image && kind == ListingKind::kNames) return bare(entry.node, S_IFREG);
  const std::optional<Entry> now = shell.files.find(directory, entry.name);
  if (!now || now->node == 0) return std::nullopt;
  if (kind == ListingKind::kNames) return bare(now->node, now->attributes.mode);
  return to_entry(*now, shell.notifier->valid(now->valid));
}

}  // namespace

std::vector<std::byte> list_from(fuse_req_t request, OpenDirectory& directory, std::uint64_t offset,
                                 std::size_t room, ListingKind kind) {
  Shell& shell = shell_of(request);
  // Reading may begin anywhere, too: the kernel goes on here when it has lost what it had kept.
  const bool from_start = offset == 0;
  if (from_start || !directory.entries) {
    directory.entries = shell.listings.take(shell.files, directory.node);
  }
  const auto changed = directory.entries->changed();
  const bool present = changed && changed == shell.files.listing_changed(directory.node);
  Packer packer(request, room, kind);
  bool fits = true;
  if (from_start) fits = packer.add(".", bare(directory.node, S_IFDIR), ++offset);
  if (fits && offset == 1) fits = packer.add("..", bare(directory.parent, S_IFDIR), ++offset);
  for (auto at = directory.entries->after(offset); fits && at != directory.entries->end(); ++at) {
    const auto param = record(shell, directory.node, at->entry, kind, present);
    if (param) fits = packer.add(at->entry.name.c_str(), *param, at->offset);
  }
  if (directory.kept) {
    shell.listings.given(directory.node, from_start, kind == ListingKind::kNames);
  }
  return packer.take();
}

}  // namespace glancefs::fs
