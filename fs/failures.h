// Why operations failed: the table from exceptions to errno, and the memory behind
// user.glancefs.error and .glancefs/errors.
#pragma once

#include <deque>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "fs/filesystem.h"

namespace glancefs::fs {

/// The errno to answer for `reason`: that of a system_error (client::HttpError is one), EINTR for
/// ECANCELED, ENOMEM for bad_alloc, EIO for everything else. The one such table.
int errno_of(const std::exception_ptr& reason) noexcept;

/// One readable line for `reason`, with HTTP status and request id where there are some.
std::string describe(const std::exception_ptr& reason);

/// Remembers the last failures. Thread-safe.
class Failures {
 public:
  /// Logs the failure of `operation` on `node`, remembers it, and answers its errno. Ordinary
  /// answers (a name that is taken, an image without data) are logged at debug level only and are
  /// none of the last hundred; what programs provoke all day long (attributes of other namespaces,
  /// missing names, the end of a search for holes) is not remembered either. `image` is the UUID
  /// behind `node`, for the log; empty: it is none, or not known.
  int record(std::string_view operation, NodeId node, const std::exception_ptr& reason,
             std::string_view image = {}) noexcept;
  /// Remembers `reason` for `node` without logging it: it is recorded elsewhere, too.
  void remember(NodeId node, const std::exception_ptr& reason) noexcept;

  /// The last reason for `node`; nullopt when nothing failed or a later success cleared it.
  std::optional<std::string> last(NodeId node) const;
  void clear(NodeId node) noexcept;
  /// The last hundred, newest last, one line each.
  std::string text() const;

 private:
  void set_last(NodeId node, std::string text) REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<NodeId, std::string> by_node_ GUARDED_BY(mutex_);
  std::deque<std::string> lines_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
