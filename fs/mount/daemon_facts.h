// What the daemon behind a mount says of itself in `.glancefs/status`.
#pragma once

#include <string>
#include <string_view>

namespace glancefs::fs {

/// What stands behind `word` in the text of `.glancefs/status`; empty: it has no such line.
std::string status_value(std::string_view status, std::string_view word);

/// What somebody needs to know who waits for its end.
struct DaemonFacts {
  int process = 0;           ///< 0: unknown
  int shutdown_seconds = 0;  ///< how long it sends what waits
  std::string state;         ///< its state directory
  std::string identity;      ///< of its journal entries
};
DaemonFacts parse_daemon_facts(std::string_view status);

}  // namespace glancefs::fs
