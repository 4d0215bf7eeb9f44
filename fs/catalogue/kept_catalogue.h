// The catalogue for the next mount: kept on disk as it changes, in the background.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "cache/snapshots.h"
#include "client/images.h"

namespace glancefs::fs {

/// One set of cache::Snapshots. Thread-safe; the methods that change it only note what is to be
/// written, and a thread of its own writes. A disk that does not let it costs what was to be kept
/// and nothing else: it is logged once.
class KeptCatalogue {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `key`: whose catalogue it is, see client::catalogue_key(). `snapshots` must outlive it.
  KeptCatalogue(cache::Snapshots& snapshots, std::string key);
  /// Writes what is still to be written.
  ~KeptCatalogue();
  KeptCatalogue(const KeptCatalogue&) = delete;
  KeptCatalogue& operator=(const KeptCatalogue&) = delete;

  struct Loaded {
    std::vector<client::ImagePtr> images;
    std::chrono::sys_seconds taken;  ///< by the clock of this machine
  };
  /// What was kept; nullopt: nothing. Rows that are no images are left out.
  std::optional<Loaded> load();

  /// A complete listing, begun at `begun`. What was noted later than that stands.
  void replace(std::vector<client::ImagePtr> images, Time begun);
  /// All that changed until `begun`: the whole is as of then.
  void update(const std::vector<client::ImagePtr>& images, Time begun);
  /// One image, as it has just been seen.
  void put(client::ImagePtr image);
  /// One image is gone.
  void remove(const std::string& id);

 private:
  struct Change {
    client::ImagePtr image;  ///< null: gone
    Time time;
    bool written = false;
  };
  struct Work {
    std::optional<std::vector<client::ImagePtr>> all;
    std::vector<cache::SnapshotRow> put;
    std::vector<std::string> gone;
    std::chrono::sys_seconds taken;
  };
  void note(const std::string& id, client::ImagePtr image, Time time) REQUIRES(mutex_);
  Work take() REQUIRES(mutex_);
  void write(Work work);
  void work();

  const std::string key_;
  cache::Snapshots& snapshots_;

  Mutex mutex_;
  Condition changed_;
  bool due_ GUARDED_BY(mutex_) = false;
  bool ending_ GUARDED_BY(mutex_) = false;
  std::optional<std::vector<client::ImagePtr>> all_ GUARDED_BY(mutex_);
  /// By id: since the last complete listing began, written or not, for that listing may be older.
  std::map<std::string, Change> changes_ GUARDED_BY(mutex_);
  std::chrono::sys_seconds taken_ GUARDED_BY(mutex_);

  bool complained_ = false;  ///< by the thread
  std::thread thread_;       ///< last: begun when all above lives
};

}  // namespace glancefs::fs
