// From a command to a daemon: who waits for whom until the mount is usable.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/fd.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {

struct Startup;

/// How the serving function tells that everybody may use the mount now.
class Ready {
 public:
  /// `report`: where the waiting process listens; an empty one in the foreground.
  Ready(Fd report, std::string program)
      : report_(std::move(report)),
        program_(std::move(program)) {}

  /// Call once, when the kernel has answered to the mount. `announcement` is printed by the process
  /// that was called, if not empty. In the background this lets go of the terminal (or pipe) that
  /// the caller gave us: from here on standard output and error lead nowhere.
  void ready(const std::string& announcement);

  /// The mount will come later: in the background the process that was called prints `why` and
  /// ends well, and from here on all that goes wrong is for the log. In the foreground `why` is
  /// printed. Does nothing when called again.
  void let_go(const std::string& why);

  bool is_ready() const noexcept { return ready_; }

 private:
  friend int start(const Startup& startup, const std::function<void(Ready&)>& serve);
  int serve(const Startup& startup, const std::function<void(Ready&)>& function);
  void report_failure(const Failure& failure);
  void tell(const std::string& text);

  Fd report_;
  std::string program_;
  bool let_go_ = false;
  bool told_ = false;  ///< nobody waits to be told any more
  bool ready_ = false;
};

struct Startup {
  std::string program;      ///< begins messages
  bool foreground = false;  ///< serve in this process
  /// Longest time until ready(). In the background only: in the foreground Ctrl-C is at hand.
  std::chrono::milliseconds limit{60'000};
  /// How long a daemon that is told to end may take before it is killed.
  std::chrono::milliseconds grace{5'000};
  /// A descriptor that the daemon takes over from the caller; -1: none.
  int handed = -1;
  /// Tidies up what a daemon leaves that had to be killed or died: its mount.
  std::function<void()> undo = [] {};
};

/// Runs `serve`, which builds everything, calls ready() and returns when the file system was
/// unmounted. Answers what main() returns.
///
/// In the background `serve` runs in a child, with its own session, in /, and with no descriptor
/// but 0–2 and `handed`: threads, connections and databases do not survive a fork, so nothing of
/// the kind may be made before. This process waits until the child is ready or has failed, prints
/// the reason, and answers its ExitCode; when `limit` passes or it is interrupted, it ends the
/// child. In the child the function returns, too: main() should then do nothing but return.
///
/// Exceptions of `serve` are described by describe_failure(), after all that it built is gone
/// again; once ready() was called they go to the log. Call with one thread.
int start(const Startup& startup, const std::function<void(Ready&)>& serve);

}  // namespace glancefs::fs
