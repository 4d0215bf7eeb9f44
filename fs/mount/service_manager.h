// What systemd is told of a service of Type=notify: the protocol of sd_notify(3), without
// libsystemd.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "fs/mount/options.h"

namespace glancefs::fs {

/// The socket that NOTIFY_SOCKET names; without it everything does nothing. Thread-safe. Messages
/// are sent without waiting, and one that cannot be is lost with a line in the log: a service
/// manager in trouble must not be the mount's.
class ServiceManager {
 public:
  explicit ServiceManager(const Environment& environment);

  /// The service can be used, also after reloading(). `status` is for `systemctl status`.
  void ready(std::string_view status) const noexcept;
  void status(std::string_view text) const noexcept;
  /// Until ready().
  void reloading() const noexcept;
  /// It is about to end and may take `limit` for it.
  void stopping(std::string_view status, std::chrono::milliseconds limit) const noexcept;

 private:
  void send(const std::string& message) const noexcept;

  const std::string socket_;  ///< a path, or "@" and an abstract name; empty: none
};

}  // namespace glancefs::fs
