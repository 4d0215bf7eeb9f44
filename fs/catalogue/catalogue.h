// Keeps the tree like the cloud: the first listing, later changes, full sweeps, single questions.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "client/images.h"
#include "fs/catalogue/kept_catalogue.h"
#include "fs/catalogue/scans.h"
#include "fs/catalogue/tree.h"

namespace glancefs::fs {

struct CatalogueConfig {
  std::chrono::milliseconds ttl{30000};           ///< how old the tree may be
  std::chrono::milliseconds first_refresh{2000};  ///< longest wait for it, given a kept catalogue
  /// A cloud that does not answer is no reason not to begin with what an earlier mount kept.
  bool offline = false;
  /// Called after each complete listing in the background, on its thread: for what else has to be
  /// asked now and then. May throw as client::Images does. Empty: nothing.
  std::function<void(const std::stop_token&)> swept = {};
};

/// How far the tree can be believed.
struct Freshness {
  std::chrono::seconds age{0};  ///< since it was last known to be right
  /// Since when the cloud does not answer; nullopt: it does.
  std::optional<std::chrono::sys_seconds> offline_since;
  std::string trouble;  ///< why the last refresh failed; empty: it did not
};

/// Thread-safe.
class Catalogue {
 public:
  /// Fills the tree: with what `kept` (may be null) has, which is then confirmed in the background,
  /// or else with a listing. Throws what the first listing throws, unless the tree could be filled
  /// and the listing takes longer than
  /// `first_refresh` or, with `offline`, gets no answer. What it refers to
  /// must outlive it.
  Catalogue(CatalogueConfig config, client::Images& images, Tree& tree, KeptCatalogue* kept);
  ~Catalogue();
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;

  /// Lists everything again; returns when the tree shows it.
  void refresh(std::stop_token stop);
  /// Asks the cloud whether there is an image of this name, at most once a second (the tree is no
  /// older than its ttl, and programs ask for many names that never exist). True: the tree may have
  /// changed. Never throws for a cloud that does not answer: the tree then stands as it is, and
  /// nothing is asked until it answers again.
  bool ask_for_name(const std::string& image_name, std::stop_token stop);
  /// The record of `node`, asked for again if it was last confirmed longer than the ttl ago: rights
  /// may have been withdrawn. nullopt: it is gone. A cloud that does not answer leaves it as it is;
  /// one that refuses us is EACCES.
  std::optional<Node> confirmed(const Node& node, std::stop_token stop);
  /// The image was deleted through this mount.
  void removed(const std::string& id);

  Freshness freshness() const;
  /// As it was at the last sweep, or at the last change of the catalogue.
  client::Quota quota() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  bool show_kept();
  void await_first();
  void begin();
  void end();

  void sweep(bool in_a_hurry, const std::stop_token& stop);
  void poll(const std::stop_token& stop);
  void ask_quota(const std::stop_token& stop);
  bool sweep_is_due() const;
  bool wait_until_due();
  void work();

  bool has_begun() const;
  Time seen_until() const;
  bool is_offline() const;
  void answered(Time begun);
  void failed(const std::exception_ptr& reason);
  void not_answered(const std::string& reason) REQUIRES(mutex_);

  // Constant after construction.
  const CatalogueConfig config_;
  client::Images& images_;
  Tree& tree_;
  KeptCatalogue* const kept_;
  std::stop_source ending_;
  Scans scans_;

  mutable Mutex mutex_;
  Condition changed_;
  Time fresh_ GUARDED_BY(mutex_);  ///< when it was right
  Time swept_ GUARDED_BY(mutex_) = Time::min();
  Time due_ GUARDED_BY(mutex_);  ///< when the next refresh is
  Time asked_ GUARDED_BY(mutex_);
  bool begun_ GUARDED_BY(mutex_) = false;  ///< the first refresh has ended
  int failures_ GUARDED_BY(mutex_) = 0;    ///< of refreshes, one after the other
  std::exception_ptr failure_ GUARDED_BY(mutex_);
  std::optional<std::chrono::sys_seconds> offline_since_ GUARDED_BY(mutex_);
  std::string trouble_ GUARDED_BY(mutex_);
  bool quota_is_due_ GUARDED_BY(mutex_) = true;
  client::Quota quota_ GUARDED_BY(mutex_);

  std::thread worker_;  // last: begun when all above lives
};

}  // namespace glancefs::fs
