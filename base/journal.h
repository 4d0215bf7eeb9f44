// Journald's native socket: messages with fields.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"

namespace glancefs::log {

/// Sends datagrams to a journald. Not thread-safe.
class Journal {
 public:
  static constexpr std::string_view kSocket = "/run/systemd/journal/socket";

  Journal() = default;
  /// Throws system_error when nobody listens at `path`.
  explicit Journal(std::string path);

  /// Never waits: false when there is no room, or when journald is away. It is found again when it
  /// is back, since each datagram goes to the path.
  bool send(std::string_view datagram) noexcept;

 private:
  std::string path_;
  Fd socket_;
};

}  // namespace glancefs::log
