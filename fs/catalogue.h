// Keeps the tree like the cloud: the first listing, later changes, full sweeps, single questions.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "client/images.h"
#include "fs/tree.h"

namespace glancefs::fs {

struct CatalogueConfig {
  std::chrono::milliseconds ttl{30000};  ///< how old the tree may be
  /// Called after each complete listing in the background, on its thread: for what else has to be
  /// asked now and then. May throw as client::Images does. Empty: nothing.
  std::function<void(const std::stop_token&)> swept = {};
};

/// Thread-safe.
class Catalogue {
 public:
  /// Lists everything before it returns, and throws what that throws. `images` and `tree` must
  /// outlive it.
  Catalogue(CatalogueConfig config, client::Images& images, Tree& tree);
  ~Catalogue();
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;

  /// Lists everything again; returns when the tree shows it.
  void refresh(std::stop_token stop);
  /// Asks the cloud whether there is an image of this name, at most once a second (the tree is no
  /// older than its ttl, and programs ask for many names that never exist). True: the tree may have
  /// changed. Never throws for a cloud that does not answer: the tree then stands as it is.
  bool ask_for_name(const std::string& image_name, std::stop_token stop);
  /// The record of `node`, asked for again if it was last confirmed longer than the ttl ago: rights
  /// may have been withdrawn. nullopt: it is gone. A cloud that does not answer leaves it as it is.
  std::optional<Node> confirmed(const Node& node, std::stop_token stop);

  /// Seconds since the tree was last known to be right.
  std::chrono::seconds age() const;
  /// As it was at the last refresh.
  client::Quota quota() const;
  /// Why the last refresh failed; empty: it did not.
  std::string trouble() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  /// Everything, or what changed at or after `since`.
  void scan(std::optional<std::chrono::sys_seconds> since, std::stop_token stop);
  void work();

  // Constant after construction.
  const CatalogueConfig config_;
  client::Images& images_;
  Tree& tree_;
  std::stop_source ending_;

  mutable Mutex mutex_;
  Condition changed_;
  Time fresh_ GUARDED_BY(mutex_);
  Time asked_ GUARDED_BY(mutex_);
  client::Quota quota_ GUARDED_BY(mutex_);
  std::string trouble_ GUARDED_BY(mutex_);

  std::thread worker_;  // last: begun when all above lives
};

}  // namespace glancefs::fs
