// Plain HTTP to one server, as a contract test needs it: nothing is retried, followed or hidden.
#pragma once

#include <chrono>
#include <functional>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace glancefs::cloud {

using Json = nlohmann::json;
using Headers = std::vector<std::pair<std::string, std::string>>;

/// What came back. status 0: the connection ended without an answer.
struct Reply {
  int status = 0;
  Headers headers;
  std::string body;

  /// The value of a header, its name in any case; empty when absent.
  [[nodiscard]] std::string header(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  /// The body as JSON; a discarded value when it is none.
  [[nodiscard]] Json json() const;
};

/// For failing expectations: the status and the start of the body.
void PrintTo(const Reply& reply, std::ostream* out);

/// One base URL, http://host:port[/prefix]. Every request takes a connection of its own.
class Server {
 public:
  Server() = default;
  explicit Server(const std::string& url);

  [[nodiscard]] const std::string& host() const { return host_; }
  [[nodiscard]] int port() const { return port_; }

  /// Sends path and headers as given; a body goes with its Content-Length, and methods that carry
  /// bodies announce an empty one.
  [[nodiscard]] Reply send(const std::string& method, const std::string& path,
                           const Headers& headers = {}, const std::string& body = "") const;
  /// The same with Transfer-Encoding: chunked, one chunk per piece.
  [[nodiscard]] Reply put_chunked(const std::string& path, const Headers& headers,
                                  const std::vector<std::string>& pieces) const;

 private:
  std::string host_;
  int port_ = 0;
  std::string prefix_;
};

/// One TCP connection whose every byte is the test's: for framing, interruption and odd headers.
class Wire {
 public:
  /// Throws std::runtime_error when nobody listens.
  explicit Wire(const Server& server);
  Wire(Wire&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        pending_(std::move(other.pending_)) {}
  ~Wire() { close(); }

  /// Sends the request line and headers, Host first and an empty line last.
  void head(const std::string& method, const std::string& path, const Headers& headers);
  /// Sends bytes; false when the peer has gone.
  bool send(std::string_view bytes) const;
  /// Reads one answer: a body as long as Content-Length says, otherwise up to the end of the
  /// connection. status 0 when nothing comes in time.
  [[nodiscard]] Reply reply(std::chrono::milliseconds bound = std::chrono::seconds(20));
  /// True when the peer ends the connection in time.
  [[nodiscard]] bool ended(std::chrono::milliseconds bound = std::chrono::seconds(5));
  /// Says that no more bytes will come, but goes on reading.
  void half_close() const;
  void close();

 private:
  /// Appends what arrives to pending_; false at the end of the connection or of the time.
  bool fill(std::chrono::steady_clock::time_point deadline);

  int fd_ = -1;
  std::string host_;
  std::string pending_;
};

/// Serves fixed bytes under /<name> on a port of its own, without ranges: what an import fetches
/// and what an http location points at.
class FileServer {
 public:
  FileServer();
  FileServer(const FileServer&) = delete;
  FileServer& operator=(const FileServer&) = delete;
  ~FileServer();

  /// The URL under which the bytes are to be had from now on.
  [[nodiscard]] std::string add(const std::string& name, std::string bytes);
  [[nodiscard]] std::string url(const std::string& name) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace glancefs::cloud
