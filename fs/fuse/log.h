// What libfuse says goes where our own lines go.
#pragma once

#include <string>

namespace glancefs::fs {

/// While it lives, what libfuse reports as an error on this thread is kept here instead of being
/// logged, as the reason why a call failed.
class FuseComplaint {
 public:
  FuseComplaint() noexcept;
  ~FuseComplaint();
  FuseComplaint(const FuseComplaint&) = delete;
  FuseComplaint& operator=(const FuseComplaint&) = delete;

  /// Without libfuse's prefix; empty when it said nothing.
  const std::string& text() const noexcept { return text_; }
  void add(const std::string& text);

 private:
  std::string text_;
};

/// Makes libfuse write to glancefs::log, for all sessions of the process.
void adopt_fuse_log() noexcept;

}  // namespace glancefs::fs
