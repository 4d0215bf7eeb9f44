// user.glancefs.*: what this mount knows of a file and can do for it. Never at Glance, never
// listed.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "cache/store.h"
#include "fs/attributes/property_check.h"
#include "fs/attributes/store_copies.h"
#include "fs/catalogue/catalogue.h"
#include "fs/catalogue/tree.h"
#include "fs/failures.h"
#include "fs/read/fetcher.h"
#include "fs/read/warm_up.h"
#include "fs/write/uploads.h"
#include "fs/write/web_imports.h"

namespace glancefs::fs {

/// What this machine has of an image.
struct CachedImage {
  std::string source;         ///< under which the cache keeps it, see cache::Key
  std::uint64_t size = 0;     ///< bytes
  std::uint64_t present = 0;  ///< bytes that are here
  bool sealed = false;        ///< all of them, proven by their hash
  bool pinned = false;
  bool prefetching = false;          ///< queued for it, or being fetched
  std::optional<std::string> error;  ///< why something about it failed last
};

/// error, cached, progress: told. refresh, upload: set. prefetch, pin: both. Names are without
/// prefix.
/// Thread-safe; all references outlive it.
class LocalXattrs {
 public:
  LocalXattrs(const Config& config, Tree& tree, Catalogue& catalogue, Fetcher& fetcher,
              WarmUp& warm_up, Uploads& uploads, WebImports& web_imports, cache::Store& store,
              const Failures& failures, const StoreCopies& copies, PropertyCheck& checks)
      : config_(config),
        tree_(tree),
        catalogue_(catalogue),
        fetcher_(fetcher),
        warm_up_(warm_up),
        uploads_(uploads),
        web_imports_(web_imports),
        store_(store),
        failures_(failures),
        copies_(copies),
        checks_(checks) {}

  /// nullopt: no such attribute, or the file has none.
  std::optional<std::string> get(NodeId node, std::string_view name) const;
  /// read_only of the root has the daemon refuse changes, or no longer; whether the kernel does is
  /// another matter. EPERM (an attribute that only tells), EINVAL (neither yes nor no), ENOTSUP
  /// (the cache cannot), for prefetch and pin the errors of open(2) for reading, for upload those
  /// of close(2) and EBUSY (somebody writes, or it is under way), or those of WebImports::retry().
  void set(NodeId node, std::string_view name, std::string_view value, std::stop_token stop);
  /// Removing prefetch or pin is setting it to 0.
  void remove(NodeId node, std::string_view name, std::stop_token stop);

  /// EISDIR (no image), ESTALE (it is gone), EBUSY (it is not at Glance yet).
  CachedImage state(NodeId node) const;
  /// Gives up what is here of an image; whoever reads it keeps what he has. Errors as state(), and
  /// EPERM: it is pinned.
  void drop(NodeId node);

 private:
  /// Throws as state(NodeId).
  Node at_glance(NodeId node) const;
  /// The image of `node`, which has data to read.
  client::ImagePtr readable(NodeId node, std::stop_token stop);
  CachedImage state(const client::Image& image) const;
  std::optional<std::string> last_reason(NodeId node, const std::optional<Node>& known) const;
  void prefetch(NodeId node, bool wanted, std::stop_token stop);
  void pin(NodeId node, bool wanted, std::stop_token stop);
  void upload(NodeId node, std::stop_token stop);

  const Config& config_;
  Tree& tree_;
  Catalogue& catalogue_;
  Fetcher& fetcher_;
  WarmUp& warm_up_;
  Uploads& uploads_;
  WebImports& web_imports_;
  cache::Store& store_;
  const Failures& failures_;
  const StoreCopies& copies_;
  PropertyCheck& checks_;
};

}  // namespace glancefs::fs
