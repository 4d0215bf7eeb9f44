// Images that Glance fetches from the web: begun by a symbolic link to where they are, shown as
// they go, explained when they fail.
#pragma once

#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "client/images.h"
#include "fs/catalogue/tree.h"
#include "fs/failures.h"
#include "fs/shared_flag.h"
#include "fs/write/import_watch.h"
#include "fs/write/site_formats.h"
#include "fs/write/web_download.h"

namespace glancefs::fs {

struct WebImportsConfig {
  bool allowed = false;          ///< whether links begin imports
  SharedFlag read_only = false;  ///< whether the mount is
  std::vector<std::string>
      stores;  ///< where they go; empty: where the site keeps images by default
  ImportWatchConfig watch;
};

/// Thread-safe. One thread asks after all that run, one after the other; the server does the work.
class WebImports {
 public:
  /// Takes up what the tree shows to be under way, when links begin imports: an earlier mount may
  /// have ordered it. References must outlive it.
  WebImports(WebImportsConfig config, client::Images& images, Tree& tree, SiteFormats& formats,
             Failures& failures);
  /// The imports go on.
  ~WebImports();
  WebImports(const WebImports&) = delete;
  WebImports& operator=(const WebImports&) = delete;

  /// Has Glance fetch `url` into a new image, which is in the tree when this returns: the import
  /// has been accepted then, not done. What fails later is told by progress(), pending() and
  /// Failures. EPERM (not allowed, or not a directory of visibility), EROFS, EEXIST, EINVAL (URL,
  /// name, format, or an address the site does not allow), EILSEQ, ENAMETOOLONG, EOPNOTSUPP (the
  /// site offers no such imports), EACCES, EDQUOT, EBUSY. A refusal leaves no record behind.
  void order(NodeId directory, std::string_view name, const std::string& url, std::stop_token stop);

  /// Orders once more what has failed. False: `image` is no import that failed. EBUSY: it runs;
  /// EPERM: where it came from is not known any more; otherwise as order().
  bool retry(const client::Image& image, const std::stop_token& stop);
  /// The image has been removed; before the tree forgets it.
  void removed(const std::string& id);

  /// How the import of `image` goes, or why it failed; nullopt: it is none.
  std::optional<std::string> progress(const client::Image& image) const;
  /// One line for each that is not done.
  std::string pending();

 private:
  using Clock = std::chrono::steady_clock;
  /// An order of an import; another one for the same image is another of these.
  struct Order {
    std::string id;
    WebDownload download;
    ImportWatch watch;  ///< for the thread that follows, alone
  };
  using OrderPtr = std::shared_ptr<Order>;
  struct State {
    OrderPtr order;
    Clock::time_point due;  ///< when it is to be asked after
    std::string news;
    std::string failure;  ///< empty: it runs
  };

  void take_up();
  void follow(const std::string& id, WebDownload download, std::string news);
  OrderPtr next();
  void work();
  void look(const OrderPtr& order);
  void end(const OrderPtr& order, const client::Image& image);
  void fail(const OrderPtr& order, const std::exception_ptr& reason);
  void show(const client::Image& image);
  bool has(const std::string& id) const;
  State* find(const OrderPtr& order) REQUIRES(mutex_);

  // Constant after construction.
  const WebImportsConfig config_;
  client::Images& images_;
  Tree& tree_;
  SiteFormats& formats_;
  Failures& failures_;
  std::stop_source ending_;

  mutable Mutex mutex_;
  Condition changed_;
  std::map<std::string, State, std::less<>> all_ GUARDED_BY(mutex_);  ///< by image

  std::thread thread_;  // last: begun when all above lives
};

}  // namespace glancefs::fs
