// A TCP server that does to its peers what a test says: for everything a polite HTTP server never
// does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/mutex.h"

namespace glancefs::test {

/// One accepted connection. Its methods throw nothing and say false when the client is gone.
class Peer {
 public:
  explicit Peer(Fd fd) : fd_(std::move(fd)) {}

  /// Reads to the empty line after a request's head; the head.
  std::string read_head();
  /// Reads exactly `size` bytes of a body; fewer only when the client is gone.
  std::string read_body(std::size_t size);
  bool send(const std::string& text);
  /// Waits until the client closes its side, throwing away what it sends.
  void wait_for_close();
  /// Makes the end of the connection, when the script returns, a RST.
  void end_with_reset();

 private:
  friend class StubServer;
  Fd fd_;
  std::string buffer_;
};

/// Listens on 127.0.0.1, on a free port, and runs `script` for every connection on a thread of its
/// own; the connection closes when the script returns. The number counts connections from 1.
class StubServer {
 public:
  using Script = std::function<void(Peer&, int number)>;
  explicit StubServer(Script script);
  /// Shuts every connection down and joins all threads.
  ~StubServer();
  StubServer(const StubServer&) = delete;
  StubServer& operator=(const StubServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::uint16_t port() const noexcept { return port_; }
  int connections() const;

 private:
  void accept_all();

  const Script script_;
  Fd listener_;
  std::uint16_t port_ = 0;
  mutable Mutex mutex_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  int connections_ GUARDED_BY(mutex_) = 0;
  std::vector<std::shared_ptr<Peer>> peers_ GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_ GUARDED_BY(mutex_);
  std::jthread acceptor_;
};

}  // namespace glancefs::test
