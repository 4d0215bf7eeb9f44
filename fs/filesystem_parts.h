// What Filesystem divides its operations among, and how it is put together.
#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/mutex.h"
#include "fs/attributes/changes.h"
#include "fs/attributes/image_xattrs.h"
#include "fs/attributes/local_xattrs.h"
#include "fs/attributes/patches.h"
#include "fs/attributes/property_check.h"
#include "fs/attributes/renames.h"
#include "fs/attributes/sharing.h"
#include "fs/attributes/stat.h"
#include "fs/attributes/status.h"
#include "fs/attributes/store_copies.h"
#include "fs/catalogue/catalogue.h"
#include "fs/catalogue/directories.h"
#include "fs/catalogue/kept_catalogue.h"
#include "fs/catalogue/offers.h"
#include "fs/catalogue/tree.h"
#include "fs/control.h"
#include "fs/failures.h"
#include "fs/files.h"
#include "fs/filesystem.h"
#include "fs/read/fetcher.h"
#include "fs/read/open_nodes.h"
#include "fs/read/warm_up.h"
#include "fs/turns.h"
#include "fs/write/uploads.h"
#include "fs/write/web_imports.h"

namespace glancefs::fs {

/// The image an open file is of; 0: none.
NodeId node_of(const Handle* handle);

/// The parts, in the order in which they need one another: each is destroyed before what it uses.
struct Filesystem::Parts {
  /// See Filesystem::Filesystem().
  Parts(Config given, client::Images& images, cache::Store& blocks, cache::Spools& spools,
        cache::Snapshots* snapshots);

  /// An image was deleted here.
  void removed(const std::string& id) {
    web_imports.removed(id);
    catalogue.removed(id);
  }
  /// REQUIRES config.metrics.
  std::string metrics_text() const;
  std::string how_read() const {
    const Lock lock(read_mode_mutex);
    return read_mode;
  }
  MountState status() const {
    return {.config = config,
            .images = tree.totals(),
            .offers = directories.offers().size(),
            .catalogue = catalogue.freshness(),
            .cache = store.usage(),
            .fetched = fetcher.fetched_bytes(),
            .reads = how_read()};
  }
  std::vector<Transfer> transfers() const;
  /// The UUID of the image behind `node`; empty: it is none, or unknown.
  std::string image_id(NodeId node) const noexcept;
  Entry entry(const Node& node) const {
    return {.node = node.id, .attributes = stat.file(node), .valid = Stat::valid(node)};
  }
  Opened entered(Opened opened) {
    const NodeId id = node_of(opened.handle.get());
    if (id != 0) open_nodes.enter(id, tree.node(id));
    return opened;
  }
  Attributes attributes_of_directory(NodeId node) const {
    const NodeId directory = directories.resolve(node);
    return stat.directory(node, directories.count(directory), tree.changed(directory));
  }
  std::chrono::milliseconds valid(NodeId directory) const {
    // Looked up anew, offers are asked for when it is time.
    const bool briefly = Directories::comes_and_goes(directory) || directory == kOffersNode;
    return briefly ? kBrief : kFixed;
  }
  Entry directory(NodeId node) const {
    return {.node = node, .attributes = attributes_of_directory(node), .valid = valid(node)};
  }

  /// Throws EPERM where the name of a directory stands, which nobody can change.
  void check_image(NodeId parent, std::string_view name) const {
    if (directories.find(parent, name) == 0) return;
    throw_errno(EPERM, "this is part of the mount, not an image");
  }
  /// As Changes; a directory has none of what it changes.
  void check_changeable(NodeId node) const {
    if (directories.contains(node)) {
      throw_errno(EPERM, "this is part of the mount, not an image");
    }
  }

  /// Keeps the reason of a failure with the directory, which is all the kernel knows, and with the
  /// file it is about; also of what is no trouble to others.
  template <typename Action>
  void explained(NodeId parent, std::string_view name, Action&& action) {
    const auto node = tree.find(parent, name);  // a rename may have taken place before it failed
    try {
      std::forward<Action>(action)();
    } catch (...) {
      failures.remember(parent, std::current_exception());
      if (node) failures.remember(node->id, std::current_exception());
      throw;
    }
  }

  /// Keeps the reason of what is no trouble to others, too: whoever sets something may ask for it.
  template <typename Action>
  void explained(NodeId node, Action&& action) {
    try {
      std::forward<Action>(action)();
    } catch (...) {
      failures.remember(node, std::current_exception());
      throw;
    }
  }

  // Directories that do not come and go; of changes in them the kernel is told.
  static constexpr std::chrono::milliseconds kFixed{60000};
  static constexpr std::chrono::milliseconds kBrief{1000};

  const Config config;
  cache::Store& store;
  const Stat stat;
  Failures failures;
  Control control;
  Tree tree;
  const Directories& directories;
  Offers offers;
  std::unique_ptr<KeptCatalogue> kept;  ///< null: nothing is kept
  Catalogue catalogue;
  Fetcher fetcher;
  Turns turns;
  Uploads uploads;
  WebImports web_imports;
  Files files;
  OpenNodes open_nodes;
  Patches patches;
  Changes changes;
  Renames renames;
  PropertyCheck property_check;
  Sharing sharing;
  StoreCopies store_copies;
  ImageXattrs image_xattrs;
  WarmUp warm_up;
  LocalXattrs local_xattrs;
  mutable Mutex read_mode_mutex;
  std::string read_mode GUARDED_BY(read_mode_mutex) = "by the daemon";
};

}  // namespace glancefs::fs
