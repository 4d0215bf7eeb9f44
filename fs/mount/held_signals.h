// Ctrl-C and its like as data, for who waits and has to tidy up.
#pragma once

#include <csignal>

#include "base/fd.h"

namespace glancefs::fs {

/// The signals that end a waiting: INT, TERM, HUP and QUIT; blocked while this lives, so that they
/// arrive as data. With one thread only.
class HeldSignals {
 public:
  /// Throws system_error.
  HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() { release(); }

  /// Lets them through again; those that have come are forgotten.
  void release();
  /// Readable when one has come.
  int arrivals() const noexcept { return arrivals_.get(); }

 private:
  sigset_t held_{}, before_{};
  Fd arrivals_;
};

}  // namespace glancefs::fs
