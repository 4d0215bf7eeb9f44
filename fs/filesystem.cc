#include "fs/filesystem.h"

#include "base/fd.h"
#include "base/mutex.h"
#include "fs/catalogue.h"
#include "fs/changes.h"
#include "fs/control.h"
#include "fs/failures.h"
#include "fs/fetcher.h"
#include "fs/files.h"
#include "fs/local_xattrs.h"
#include "fs/names.h"
#include "fs/stat.h"
#include "fs/status.h"
#include "fs/tree.h"
#include "fs/uploads.h"
#include "fs/warm_up.h"
#include "fs/xattrs.h"

namespace glancefs::fs {
namespace {

// df without a quota: so much that no program refuses to begin.
constexpr std::uint64_t kPlenty = 1ULL << 50;
constexpr std::uint64_t kPlentyOfFiles = 1ULL << 32;

}  // namespace

/// The parts, in the order in which they need one another: each is destroyed before what it uses.
struct Filesystem::Parts {
  Parts(Config given, client::Images& images, cache::Store& blocks, cache::Spools& spools)
      : config(std::move(given)),
        store(blocks),
        stat(config),
        tree({.project_id = config.project_id,
              .is_admin = config.is_admin,
              .show_hidden = config.show_hidden}),
        catalogue({.ttl = config.metadata_ttl}, images, tree),
        fetcher({.endpoint = config.endpoint,
                 .connections = config.connections,
                 .read_timeout = config.read_timeout,
                 // The rest is for the catalogue, the connections and the program itself.
                 .spare_memory = config.memory_limit / 2,
                 .verify = config.verify,
                 .limit = config.download_limit,
                 .direct = {.files = config.direct_files}},
                images, store),
        uploads({.identity = config.identity,
                 .endpoint = config.endpoint,
                 .project_id = config.project_id,
                 .delay = config.upload_delay,
                 .at_once = config.uploads,
                 .publisher = {.poll_interval = config.upload_pause,
                               .import_patience = config.import_patience,
                               .usual = config.upload_to},
                 .recover = config.recover,
                 .fallback_format = config.fallback_format},
                images, store, spools, tree, failures),
        files(config, tree, catalogue, fetcher, uploads, control),
        changes(config, images, tree, uploads),
        warm_up(fetcher, failures),
        local_xattrs(config, tree, catalogue, fetcher, warm_up, uploads, store, failures) {
    control.add("status", [this] {
      return status_text({.config = config,
                          .images = tree.totals(),
                          .catalogue_age = catalogue.age(),
                          .catalogue_trouble = catalogue.trouble(),
                          .cache = store.usage(),
                          .fetched = fetcher.fetched_bytes(),
                          .reads = how_read()});
    });
    control.add("transfers", [this] { return fetcher.transfers(); });
    control.add("pending", [this] { return uploads.pending(); });
    control.add("errors", [this] { return failures.text(); });
  }

  std::string how_read() const {
    const Lock lock(read_mode_mutex);
    return read_mode;
  }
  Entry entry(const Node& node) const {
    return {.node = node.id, .attributes = stat.file(node), .valid = Stat::valid(node)};
  }
  Entry directory(NodeId node) const {
    return {.node = node, .attributes = directory_attributes(node), .valid = kFixed};
  }
  Attributes directory_attributes(NodeId node) const {
    return stat.directory(node, tree.changed(node));
  }

  /// Keeps the reason of a failure with the file it is about, too: the kernel only knows the
  /// directory.
  template <typename Action>
  void explained(NodeId parent, std::string_view name, Action&& action) {
    const auto node = tree.find(parent, name);  // a rename may have taken place before it failed
    try {
      std::forward<Action>(action)();
    } catch (...) {
      if (node) failures.remember(node->id, std::current_exception());
      throw;
    }
  }

  // The directories stay; of changes in them the kernel is told.
  static constexpr std::chrono::milliseconds kFixed{60000};

  const Config config;
  cache::Store& store;
  const Stat stat;
  Failures failures;
  Control control;
  Tree tree;
  Catalogue catalogue;
  Fetcher fetcher;
  Uploads uploads;
  Files files;
  Changes changes;
  WarmUp warm_up;
  LocalXattrs local_xattrs;
  mutable Mutex read_mode_mutex;
  std::string read_mode GUARDED_BY(read_mode_mutex) = "by the daemon";
};

Filesystem::Filesystem(Config config, client::Images& images, cache::Store& store,
                       cache::Spools& spools)
    : parts_(std::make_unique<Parts>(std::move(config), images, store, spools)) {}

Filesystem::~Filesystem() = default;

std::optional<Entry> Filesystem::find(NodeId parent, std::string_view name) const {
  const Parts& parts = *parts_;
  if (parent == kRootNode) {
    if (name == Control::kDirectory) return parts.directory(kControlNode);
    const auto visibility = client::visibility_of(name);
    return visibility ? parts.directory(directory_of(*visibility)) : Entry{};
  }
  if (parent == kControlNode) {
    const NodeId node = parts.control.find(name);
    if (node == 0) return Entry{};
    if (node == kByIdNode) return parts.directory(node);
    return Entry{.node = node, .attributes = attributes(node), .valid = {}};
  }
  if (const auto node = parts.tree.find(parent, name)) return parts.entry(*node);
  // Names that programs try in every directory, and those that only ids have, are not asked for.
  const bool asks = visibility_of_directory(parent) && !name.starts_with('.') && !alias_id(name);
  return asks ? std::nullopt : std::optional(Entry{});
}

Entry Filesystem::lookup(NodeId parent, std::string_view name, std::stop_token stop) {
  if (auto known = find(parent, name)) return *known;
  if (!parts_->catalogue.ask_for_name(unescape_name(name), std::move(stop))) return {};
  return find(parent, name).value_or(Entry{});
}

Attributes Filesystem::attributes(NodeId node) const {
  if (parts_->control.is_file(node)) {
    return parts_->stat.text(node, parts_->control.text(node).size());
  }
  if (node < kFirstImageNode) return parts_->directory_attributes(node);
  const std::optional<Node> known = parts_->tree.node(node);
  if (!known) throw_errno(ESTALE, "the image is gone");
  return parts_->stat.file(*known);
}

std::chrono::milliseconds Filesystem::attributes_valid(NodeId node) const {
  if (parts_->control.is_file(node)) return {};
  if (node < kFirstImageNode) return Parts::kFixed;
  const std::optional<Node> known = parts_->tree.node(node);
  return known ? Stat::valid(*known) : std::chrono::milliseconds(0);
}

std::vector<DirectoryEntry> Filesystem::list(NodeId directory) const {
  switch (directory) {
    case kRootNode:
      return {{.name = "public", .node = kPublicNode},
              {.name = "private", .node = kPrivateNode},
              {.name = "shared", .node = kSharedNode},
              {.name = "community", .node = kCommunityNode}};
    case kControlNode:
      return parts_->control.list();
    default:
      if (directory >= kFirstControlFile) throw_errno(ENOTDIR, "this is a file");
      return parts_->tree.list(directory);
  }
}

std::optional<FileTime> Filesystem::listing_changed(NodeId directory) const {
  return parts_->tree.changed(directory);
}

NodeId Filesystem::parent(NodeId directory) {
  return directory == kByIdNode ? NodeId{kControlNode} : kRootNode;
}

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

void Filesystem::kernel_writes(Handle& handle) { Files::kernel_writes(handle); }

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
  return parts_->files.open(node, flags, caller, std::move(stop));
}

std::pair<Entry, Opened> Filesystem::create(NodeId parent, std::string_view name, int flags,
                                            Caller caller, std::stop_token stop) {
  auto [node, opened] = parts_->files.create(parent, name, flags, caller, std::move(stop));
  return {parts_->entry(node), std::move(opened)};
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
  parts_->files.release(std::move(handle));
}

void Filesystem::abandon(std::unique_ptr<Handle> handle) noexcept {
  parts_->files.abandon(std::move(handle));
}

void Filesystem::unlink(NodeId parent, std::string_view name, std::stop_token stop) {
  parts_->explained(parent, name, [&] { parts_->changes.unlink(parent, name, std::move(stop)); });
}

void Filesystem::rename(NodeId from, std::string_view name, NodeId to, std::string_view new_name,
                        unsigned flags, std::stop_token stop) {
  parts_->explained(from, name, [&] {
    parts_->changes.rename(from, name, to, new_name, flags, std::move(stop));
  });
}

Attributes Filesystem::change(NodeId node, const AttributeChange& change, Handle* handle,
                              std::stop_token stop) {
  const Attributes now = attributes(node);
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
  parts_->changes.set_xattr(node, name, value, mode, std::move(stop));
}

void Filesystem::remove_xattr(NodeId node, std::string_view name, std::stop_token stop) {
  if (name.starts_with(kLocalXattrPrefix)) {
    const std::string_view key = name.substr(kLocalXattrPrefix.size());
    return parts_->local_xattrs.remove(node, key, std::move(stop));
  }
  parts_->changes.remove_xattr(node, name, std::move(stop));
}

int Filesystem::explain(std::string_view operation, NodeId node,
                        std::exception_ptr reason) noexcept {
  return parts_->failures.record(operation, node, reason);
}

}  // namespace glancefs::fs
