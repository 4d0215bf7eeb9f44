// Serves the metrics over HTTP to whoever is on this machine.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "base/fd.h"
#include "fs/metrics/listen_address.h"

namespace glancefs::fs {

/// A socket that listens, on which nobody is answered yet. A Unix socket is made with mode 0600;
/// one that nobody listens on any more is replaced.
class MetricsSocket {
 public:
  /// Throws system_error, with the address in its text: EADDRINUSE, EACCES …
  explicit MetricsSocket(const ListenAddress& address);
  /// Removes the Unix socket.
  ~MetricsSocket();
  MetricsSocket(const MetricsSocket&) = delete;
  MetricsSocket& operator=(const MetricsSocket&) = delete;

  /// Where it listens, with the port that the system chose.
  const ListenAddress& address() const noexcept { return address_; }
  const Fd& get() const noexcept { return socket_; }

 private:
  ListenAddress address_;
  Fd socket_;
};

/// GET /metrics answers 200 with the text, anything else 404 or 405. One connection at a time, each
/// for two seconds at most, so that who asks and falls silent stops the others no longer.
class MetricsListener {
 public:
  /// Answers with what `text` makes, on a thread of its own. `socket` must outlive it.
  MetricsListener(const MetricsSocket& socket, std::function<std::string()> text);
  /// Ends; `text` is not called any more.
  ~MetricsListener();
  MetricsListener(const MetricsListener&) = delete;
  MetricsListener& operator=(const MetricsListener&) = delete;

 private:
  void work() noexcept;
  void answer(const Fd& connection) const;

  const MetricsSocket& socket_;
  const std::function<std::string()> text_;
  Fd stop_;
  std::thread thread_;  // last: begun when all above lives
};

}  // namespace glancefs::fs
