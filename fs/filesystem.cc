#include "fs/filesystem.h"

#include <algorithm>

#include "base/fd.h"
#include "fs/attributes/xattrs.h"
#include "fs/catalogue/names.h"
#include "fs/filesystem_parts.h"
#include "fs/write/upload.h"

namespace glancefs::fs {
namespace {

// df without a quota: so much that no program refuses to begin.
constexpr std::uint64_t kPlenty = 1ULL << 50;
constexpr std::uint64_t kPlentyOfFiles = 1ULL << 32;

}  // namespace

Filesystem::Filesystem(Config config, client::Images& images, cache::Store& store,
                       cache::Spools& spools, cache::Snapshots* snapshots)
    : parts_(std::make_unique<Parts>(std::move(config), images, store, spools, snapshots)) {}

Filesystem::~Filesystem() = default;

std::optional<Entry> Filesystem::find(NodeId parent, std::string_view name) const {
  const Parts& parts = *parts_;
  // The kernel lets names of 1024 bytes pass.
  if (name.size() > kNameMax) throw_errno(ENAMETOOLONG, "file names have 255 bytes at most");
  if (parent == kRootNode && name == Control::kDirectory) return parts.directory(kControlNode);
  if (parent == kControlNode) {
    const NodeId node = parts.control.find(name);
    if (node == 0) return Entry{};
    if (node == kByIdNode) return parts.directory(node);
    return Entry{.node = node, .attributes = attributes(node), .valid = {}};
  }
  parent = parts.directories.resolve(parent);
  if (const NodeId node = parts.directories.find(parent, name)) {
    if (node == kOffersNode && parts.offers.due()) return std::nullopt;
    return parts.directory(node);
  }
  if (const auto node = parts.tree.find(parent, name)) return parts.entry(*node);
  // Names that programs try in every directory, and those that only ids have, are not asked for.
  const bool asks =
      parts.directories.visibility(parent) && !name.starts_with('.') && !alias_id(name);
  return asks ? std::nullopt : std::optional(Entry{});
}

Entry Filesystem::lookup(NodeId parent, std::string_view name, std::stop_token stop) {
  if (auto known = find(parent, name)) return *known;
  if (parts_->directories.find(parts_->directories.resolve(parent), name) == kOffersNode) {
    parts_->offers.ask(std::move(stop));
    return parts_->directory(kOffersNode);
  }
  if (!parts_->catalogue.ask_for_name(unescape_name(name), std::move(stop))) return {};
  return find(parent, name).value_or(Entry{});
}

Attributes Filesystem::attributes(NodeId node) const {
  if (parts_->control.is_file(node)) {
    return parts_->stat.text(node, parts_->control.text(node).size());
  }
  if (node == kLinkNode) throw_errno(ESTALE, "there are no links");
  if (parts_->directories.contains(node)) return parts_->attributes_of_directory(node);
  if (const auto known = parts_->tree.node(node)) return parts_->stat.file(*known);
  const auto unlinked = parts_->open_nodes.unlinked(node);
  if (!unlinked) throw_errno(ESTALE, "the image is gone");
  Attributes attributes = parts_->stat.file(*unlinked);
  attributes.links = 0;
  return attributes;
}

std::chrono::milliseconds Filesystem::attributes_valid(NodeId node) const {
  if (parts_->control.is_file(node)) return {};
  if (parts_->directories.contains(node)) return parts_->valid(node);
  const std::optional<Node> known = parts_->tree.node(node);
  return known ? Stat::valid(*known) : std::chrono::milliseconds(0);
}

std::vector<DirectoryEntry> Filesystem::list(NodeId directory) const {
  if (directory == kControlNode) return parts_->control.list();
  if (parts_->control.is_file(directory) || !parts_->directories.contains(directory)) {
    throw_errno(ENOTDIR, "this is a file");
  }
  directory = parts_->directories.resolve(directory);
  std::vector<DirectoryEntry> entries = parts_->directories.list(directory);
  if (entries.empty()) return parts_->tree.list(directory);
  return entries;
}

std::optional<FileTime> Filesystem::listing_changed(NodeId directory) const {
  return parts_->tree.changed(parts_->directories.resolve(directory));
}

NodeId Filesystem::parent(NodeId directory) const { return parts_->directories.parent(directory); }

std::optional<std::string> Filesystem::xattr(NodeId node, std::string_view name) const {
  if (name.starts_with(kLocalXattrPrefix)) {
    return parts_->local_xattrs.get(node, name.substr(kLocalXattrPrefix.size()));
  }
  if (!name.starts_with(kXattrPrefix) || node < kFirstImageNode) return std::nullopt;
  const std::optional<Node> known = parts_->tree.node(node);
  if (!known) return std::nullopt;
  const std::string_view key = name.substr(kXattrPrefix.size());
  return known->upload ? field_text(known->upload->image(), key) : field_text(*known->image, key);
}

bool Filesystem::asks_for_xattr(std::string_view name) {
  return name.starts_with(kXattrPrefix) && name.substr(kXattrPrefix.size()) == kMembersKey;
}

std::optional<std::string> Filesystem::ask_xattr(NodeId node, std::string_view name,
                                                 std::stop_token stop) {
  if (!asks_for_xattr(name)) return xattr(node, name);
  return parts_->sharing.text(node, std::move(stop));
}

std::vector<std::string> Filesystem::xattr_names(NodeId node) const {
  if (node < kFirstImageNode) return {};
  const std::optional<Node> known = parts_->tree.node(node);
  if (!known) return {};
  // What is not at Glance yet has nothing but what was set, so that a program which makes a copy's
  // attributes equal finds none to remove that it cannot.
  return known->upload ? listed_names(known->upload->image(), XattrList::kSettable)
                       : listed_names(*known->image, parts_->config.xattrs);
}

// The quota comes with each refresh of the catalogue: df never waits for the network.
Statistics Filesystem::statistics() const {
  const Tree::Totals totals = parts_->tree.totals();
  const client::Quota quota = parts_->catalogue.quota();
  const std::uint64_t used = quota.size_used.value_or(totals.own_bytes);
  const std::uint64_t images = quota.count_used.value_or(totals.own_images);
  const std::uint64_t bytes_total = quota.size_limit.value_or(used + kPlenty);
  const std::uint64_t files_total = quota.count_limit.value_or(images + kPlentyOfFiles);
  return {.bytes_total = bytes_total,
          .bytes_free = bytes_total > used ? bytes_total - used : 0,
          .files_total = files_total,
          .files_free = files_total > images ? files_total - images : 0};
}

void Filesystem::watch(std::shared_ptr<Watcher> watcher) { parts_->tree.watch(std::move(watcher)); }

void Filesystem::write(Handle& handle, std::uint64_t offset, std::span<const std::byte> bytes) {
  Files::write(handle, offset, bytes);
}

std::uint64_t Filesystem::seek(const Handle& handle, std::uint64_t offset, Seek wanted) const {
  return Files::seek(handle, offset, wanted);
}

void Filesystem::allocate(Handle& handle, int mode, std::uint64_t offset, std::uint64_t length,
                          std::stop_token stop) {
  Files::allocate(handle, mode, offset, length, stop);
}

void Filesystem::kernel_writes(Handle& handle) { Files::kernel_writes(handle); }

std::string Filesystem::control_text(std::string_view name) const {
  const NodeId node = parts_->control.find(name);
  return parts_->control.is_file(node) ? parts_->control.text(node) : std::string();
}

void Filesystem::set_read_mode(std::string mode) {
  const Lock lock(parts_->read_mode_mutex);
  parts_->read_mode = std::move(mode);
}

bool Filesystem::flush_uploads(const Handle& handle, Caller caller) const {
  return Files::flush_uploads(handle, caller);
}

void Filesystem::read(Handle& handle, std::uint64_t offset, std::size_t size,
                      std::unique_ptr<PendingRead> reader) {
  parts_->files.read(handle, offset, size, std::move(reader));
}

Opened Filesystem::open(NodeId node, int flags, Caller caller, std::stop_token stop) {
  return parts_->entered(parts_->files.open(node, flags, caller, std::move(stop)));
}

std::pair<Entry, Opened> Filesystem::create(NodeId parent, std::string_view name, int flags,
                                            Caller caller, std::stop_token stop) {
  parent = parts_->directories.resolve(parent);
  parts_->directories.check_new(parent);
  auto [node, opened] = parts_->files.create(parent, name, flags, caller, std::move(stop));
  return {parts_->entry(node), parts_->entered(std::move(opened))};
}

Entry Filesystem::symlink(NodeId parent, std::string_view name, const std::string& target,
                          std::stop_token stop) {
  parent = parts_->directories.resolve(parent);
  parts_->directories.check_new(parent);
  parts_->web_imports.order(parent, name, target, std::move(stop));
  return {.node = kLinkNode,
          .attributes = parts_->stat.link(kLinkNode, target.size()),
          .valid = std::chrono::milliseconds(0)};
}

void Filesystem::flush(Handle& handle, Caller caller, std::stop_token stop) {
  parts_->files.flush(handle, caller, std::move(stop));
}

void Filesystem::finish_uploads(std::chrono::steady_clock::time_point until,
                                const std::stop_token& stop) {
  parts_->uploads.drain(until, stop);
}

bool Filesystem::sync_uploads(const Handle& handle) const { return Files::sync_uploads(handle); }

void Filesystem::sync(Handle& handle, std::stop_token stop) {
  parts_->files.sync(handle, std::move(stop));
}

void Filesystem::release(std::unique_ptr<Handle> handle) noexcept {
  parts_->open_nodes.leave(node_of(handle.get()));
  parts_->files.release(std::move(handle));
}

void Filesystem::abandon(std::unique_ptr<Handle> handle) noexcept {
  parts_->open_nodes.leave(node_of(handle.get()));
  parts_->files.abandon(std::move(handle));
}

void Filesystem::unlink(NodeId parent, std::string_view name, std::stop_token stop) {
  parent = parts_->directories.resolve(parent);
  if (const auto node = parts_->tree.find(parent, name)) parts_->open_nodes.unlink(node->id);
  parts_->explained(parent, name, [&] {
    parts_->check_image(parent, name);
    if (const auto node = parts_->tree.find(parent, name)) {
      if (parent == kOffersNode) return parts_->offers.reject(*node, std::move(stop));
      parts_->offers.check_unlink(*node);
    }
    parts_->renames.unlink(parent, name, std::move(stop));
  });
}

void Filesystem::rename(NodeId from, std::string_view name, NodeId to, std::string_view new_name,
                        unsigned flags, std::stop_token stop) {
  from = parts_->directories.resolve(from);
  to = parts_->directories.resolve(to);
  parts_->explained(from, name, [&] {
    parts_->check_image(from, name);
    if (const auto node = parts_->tree.find(from, name)) {
      if (Offers::is_answer(from, to)) {
        return parts_->offers.move(*node, from, name, to, new_name, std::move(stop));
      }
      parts_->directories.check_move(*node->image, to);
    }
    parts_->renames.rename(from, name, to, new_name, flags, std::move(stop));
  });
}

Attributes Filesystem::change(NodeId node, const AttributeChange& change, Handle* handle,
                              std::stop_token stop) {
  const Attributes now = attributes(node);
  if (change.size || change.mode) parts_->check_changeable(node);
  if ((change.uid && *change.uid != now.uid) || (change.gid && *change.gid != now.gid)) {
    throw_errno(EPERM, "images belong to projects, not to users of this machine");
  }
  if (change.size && handle != nullptr) {
    Files::truncate(*handle, *change.size);
  } else if (change.size) {
    parts_->changes.set_size(node, *change.size);
  }
  if (change.mode) parts_->changes.set_mode(node, *change.mode, std::move(stop));
  return attributes(node);
}

void Filesystem::set_xattr(NodeId node, std::string_view name, std::string_view value,
                           XattrMode mode, std::stop_token stop) {
  if (name.starts_with(kLocalXattrPrefix)) {
    const std::string_view key = name.substr(kLocalXattrPrefix.size());
    return parts_->local_xattrs.set(node, key, value, std::move(stop));
  }
  parts_->explained(node, [&] {
    if (name.starts_with(kXattrPrefix)) parts_->check_changeable(node);
    parts_->image_xattrs.set(node, name, value, mode, std::move(stop));
  });
}

void Filesystem::remove_xattr(NodeId node, std::string_view name, std::stop_token stop) {
  if (name.starts_with(kLocalXattrPrefix)) {
    const std::string_view key = name.substr(kLocalXattrPrefix.size());
    return parts_->local_xattrs.remove(node, key, std::move(stop));
  }
  parts_->explained(node, [&] {
    if (name.starts_with(kXattrPrefix)) parts_->check_changeable(node);
    parts_->image_xattrs.remove(node, name, std::move(stop));
  });
}

MountState Filesystem::status() const { return parts_->status(); }

std::vector<Transfer> Filesystem::transfers() const { return parts_->transfers(); }

client::Image Filesystem::image(NodeId node) const {
  if (node < kFirstImageNode) throw_errno(EISDIR, "this is not an image");
  const std::optional<Node> known = parts_->tree.node(node);
  if (!known) throw_errno(ESTALE, "the image is gone");
  return known->upload ? known->upload->image() : *known->image;
}

std::optional<std::string> Filesystem::file_of(std::string_view image_id) const {
  const std::optional<Node> node = parts_->tree.by_id(image_id);
  return node ? std::optional(download_of(*node->image, {}).file) : std::nullopt;
}

CachedImage Filesystem::cached(NodeId node) const { return parts_->local_xattrs.state(node); }

void Filesystem::drop_cached(NodeId node) { parts_->local_xattrs.drop(node); }

void Filesystem::cancel_transfer(NodeId node, std::stop_token stop) {
  const client::Image wanted = image(node);
  const std::optional<Node> known = parts_->tree.node(node);
  if (known && known->upload) return parts_->uploads.cancel(known->upload, std::move(stop));
  if (parts_->warm_up.has(wanted.id)) return parts_->warm_up.remove(wanted.id);
  if (parts_->web_imports.progress(wanted)) {
    throw_errno(EPERM, "Glance fetches it by itself; rm ends that");
  }
  const auto running = parts_->fetcher.transfers();
  if (std::ranges::find(running, wanted.id, &Transfer::id) != running.end()) {
    throw_errno(EBUSY, "programs read it; end them");
  }
  throw_errno(ENODATA, "nothing of it is on its way");
}

std::string Filesystem::metrics() const { return parts_->metrics_text(); }

int Filesystem::explain(std::string_view operation, NodeId node,
                        std::exception_ptr reason) noexcept {
  // No failure: the kernel asks for the name again and opens what it leads to by now.
  if (operation == "open" && errno_of(reason) == ESTALE) return ESTALE;
  return parts_->failures.record(operation, node, reason, parts_->image_id(node));
}

}  // namespace glancefs::fs
