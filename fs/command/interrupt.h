// Ctrl-C, for commands that wait.
#pragma once

#include <chrono>
#include <exception>

#include "fs/mount/held_signals.h"

namespace glancefs::fs {

/// Ends a command with CommandExit::kInterrupted.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// While it lives Ctrl-C, TERM, HUP and QUIT are noticed where the command looks for them. What a
/// daemon was asked for goes on.
class Interrupt {
 public:
  /// Throws Interrupted if one has come.
  void check() const { pause(std::chrono::milliseconds(0)); }
  /// The same, and waits that long for one.
  void pause(std::chrono::milliseconds time) const;
  /// Whether `fd` has become readable within `time`. Throws Interrupted.
  bool wait_readable(int fd, std::chrono::milliseconds time) const;
  /// Readable when one has come.
  int arrivals() const noexcept { return signals_.arrivals(); }

 private:
  HeldSignals signals_;
};

}  // namespace glancefs::fs
