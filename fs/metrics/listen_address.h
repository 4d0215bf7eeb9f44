// Where metrics are served: this machine only, since they tell names of clouds and projects to
// whoever asks.
#pragma once

#include <cstdint>
#include <string>

namespace glancefs::fs {

/// A loopback address and port, or the path of a Unix socket.
struct ListenAddress {
  std::string host;        ///< numeric: "127.0.0.1", "::1"; empty: a Unix socket
  std::uint16_t port = 0;  ///< 0: the system chooses one, for tests
  std::string path;        ///< of the Unix socket

  /// As it is typed.
  std::string text() const;
  bool operator==(const ListenAddress&) const = default;
};

/// "127.0.0.1:9920", "localhost:9920", "[::1]:9920", "unix:/run/glancefs.sock". Throws
/// std::invalid_argument with what is expected; what others could reach is refused.
ListenAddress parse_listen_address(const std::string& word);

}  // namespace glancefs::fs
