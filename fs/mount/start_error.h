// Why a mount did not come about, for the person who asked for it and for mount(8).
#pragma once

#include <exception>
#include <stdexcept>
#include <string>

namespace glancefs::fs {

/// What the process ends with: the codes that mount(8) documents for itself and hands on unchanged
/// from its helpers.
enum class ExitCode : int {
  kSuccess = 0,
  kUsage = 1,         ///< a wrong option or argument, no cloud to use, or not permitted
  kSystem = 2,        ///< the system lacks something: /dev/fuse, fusermount3, memory, processes
  kBug = 4,           ///< glancefs itself is wrong
  kInterrupted = 8,   ///< Ctrl-C or SIGTERM while waiting for the mount
  kMountFailed = 32,  ///< the mount point, the login, the network or mount(2)
};

/// Ends the start. what() is one line without the program's name; hint() what to do about it, may
/// be empty. Neither contains a secret.
class StartError : public std::runtime_error {
 public:
  StartError(ExitCode code, const std::string& what, std::string hint = {})
      : std::runtime_error(what),
        code_(code),
        hint_(std::move(hint)) {}
  ExitCode code() const noexcept { return code_; }
  const std::string& hint() const noexcept { return hint_; }

 private:
  ExitCode code_;
  std::string hint_;
};

/// An exception as a person reads it.
struct Failure {
  ExitCode code = ExitCode::kBug;
  std::string text;  ///< "PROGRAM: WHAT\n", then "  hint: …\n" when there is one
};

/// Puts any exception that ends the start into words: StartError, client::CloudError and
/// client::LoginError with their own texts and hints, system_error as a failed mount (out of memory
/// as a lack of the system), anything else as a bug. Control characters come out escaped: names of
/// clouds and texts of servers are strangers' words.
Failure describe_failure(const std::string& program, const std::exception_ptr& error);

/// The same in one line, without program and hint, for the log.
std::string failure_line(const std::exception_ptr& error);

}  // namespace glancefs::fs
