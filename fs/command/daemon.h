// The daemon of a mount, as a command talks to it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/fd.h"
#include "fs/command/interrupt.h"
#include "fs/command/json.h"
#include "fs/mount/mount_point.h"
#include "fs/mount/options.h"

namespace glancefs::fs {

/// It said no, or said nothing. what() is one line that names the mount or the file.
class DaemonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Connects anew for each question. One thread at a time.
class Daemon {
 public:
  /// Does not ask anything yet. `environment` says where this user's sockets are; `interrupt` must
  /// outlive it.
  Daemon(MountEntry mount, const Environment& environment, const Interrupt& interrupt);

  const MountEntry& mount() const noexcept { return mount_; }

  /// The result of `{"do": verb}` and what else `words` holds. `about` begins the text of a
  /// DaemonError: nobody listens, somebody else does, it does not answer within `patience`, it
  /// answers nonsense or no. Throws Interrupted; what was asked for then goes on.
  Json ask(const std::string& verb, Json words, const std::string& about,
           std::chrono::seconds patience = kPatience);
  Json ask(const std::string& verb) { return ask(verb, Json::object(), mount_.target); }

  /// Waits; throws Interrupted.
  void pause(std::chrono::milliseconds time) const { interrupt_.pause(time); }

  static constexpr std::chrono::seconds kPatience{120};

 private:
  Fd connect(const std::string& about) const;

  const MountEntry mount_;
  const std::vector<std::string> places_;
  const Interrupt& interrupt_;
};

}  // namespace glancefs::fs
