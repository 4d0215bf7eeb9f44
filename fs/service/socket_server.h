// Answers the commands of `glancefs` on a unix socket: one line asked, one line answered.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/fd.h"
#include "fs/executor.h"

namespace glancefs::fs {

/// What may be asked and waited for.
struct SocketLimits {
  std::size_t clients = 16;                  ///< at once; the next one is told to come again
  std::size_t request = 64 * 1024;           ///< bytes of a line asked
  std::chrono::milliseconds patience{5000};  ///< to ask, and to read the answer
};

/// Listens while it lives, with a thread of its own and up to eight that answer. The owner and root
/// are answered, others refused. It takes nothing from those who serve the file system.
class SocketServer {
 public:
  /// Answers one request; may wait, ends soon after `stop`, and must not throw. An empty answer is
  /// what a request that makes no sense gets, and closes the connection.
  using Answer =
      std::function<std::string(const std::string& request, const std::stop_token& stop)>;

  /// Makes the socket, 0600, in place of what is at `path`: the directory is the owner's alone and
  /// the name this mount's, so that it is a socket of a daemon that died. Throws system_error.
  SocketServer(std::string path, uid_t owner, Answer answer, SocketLimits limits = {});
  /// Stops the answers that are under way, and removes the socket unless another one has its name.
  ~SocketServer();
  SocketServer(const SocketServer&) = delete;
  SocketServer& operator=(const SocketServer&) = delete;

  const std::string& path() const noexcept { return path_; }

 private:
  void listen();
  void accept_one();
  void serve(const Fd& client) noexcept;
  void say(const Fd& client, const std::string& line);

  // Constant after construction.
  const std::string path_;
  const uid_t owner_;
  const Answer answer_;
  const SocketLimits limits_;
  Fd socket_;
  const Fd ending_;  ///< an eventfd: readable when this ends
  ino_t inode_ = 0;  ///< of the socket

  std::stop_source stop_;
  std::atomic<std::size_t> clients_ = 0;
  Executor answers_;
  std::thread listener_;  // last: begun when all above lives
};

/// A refusal as the commands understand it.
std::string refusal_line(int error, const std::string& why);

}  // namespace glancefs::fs
