// The bytes of one accepted connection, plain or TLS, down to resets and silent ends.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace glancefs::devcloud {

/// The connection is over: the peer left, the server stops, or a fault ended it.
class Disconnected : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A connection. One thread uses it; only interrupt() may be called from others.
class Stream {
 public:
  /// `tls` null: plain. It must outlive the stream.
  Stream(Fd fd, SSL_CTX* tls);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// The TLS handshake; nothing for plain connections. Throws Disconnected.
  void handshake();
  /// Some bytes into `into` (not empty); 0 when the peer has ended its side. Throws Disconnected.
  std::size_t read(std::span<char> into);
  /// One line with its end, at most `limit` bytes of it; shorter or empty when the peer ended.
  std::string read_line(std::size_t limit);
  /// Everything, or throws Disconnected.
  void write(std::string_view bytes);
  /// Lets what was written reach the peer, then makes the closing a TCP reset.
  void reset() noexcept;
  /// Waits up to `time`; true as soon as the peer has closed or the server stops.
  bool gone_within(std::chrono::milliseconds time) const;
  /// Ends every wait on this stream. Any thread.
  void interrupt() noexcept;

 private:
  std::size_t receive(std::span<char> into);

  Fd fd_;
  struct SslFree {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  };
  std::unique_ptr<SSL, SslFree> ssl_;
  std::string buffer_;  ///< received, not yet read
};

}  // namespace glancefs::devcloud
