// A small HTTP/1.1 server, plain and TLS, a thread for every connection. cpp-httplib's server was
// weighed and not taken: it reads bodies before the handler can refuse, answers 100-continue by
// itself, checks and rewrites what it sends, and cannot end a connection in the ways Glance does or
// a fault wants. Here every byte and every end of a connection is under control.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/mutex.h"
#include "tests/devcloud/exchange.h"
#include "tests/devcloud/faults.h"
#include "tests/devcloud/traffic.h"

namespace glancefs::devcloud {

class HttpServer {
 public:
  using Handler = std::function<Response(Exchange&)>;
  struct Options {
    Service service = Service::kGlance;
    std::uint16_t port = 0;       ///< 0: any free one, kept over down() and up()
    std::string tls_certificate;  ///< PEM file; empty: plain
    std::string tls_key;
    std::size_t header_line_limit = 16384;  ///< bytes
  };

  /// Listens at once, on 127.0.0.1. Throws system_error. `faults` and `traffic` must outlive it.
  HttpServer(Options options, Handler handler, FaultTable& faults, Traffic& traffic);
  /// Ends all connections.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  bool tls() const noexcept { return tls_ != nullptr; }
  /// Refuses connections and drops the open ones; nothing when it is down already.
  void down();
  /// Listens again on the same port.
  void up();

 private:
  struct Connection {
    std::unique_ptr<Stream> stream;
    std::thread thread;
    bool done = false;
  };

  void listen();
  void accept_loop();
  void start(Fd fd);
  void serve(Stream& stream);
  bool serve_one(Stream& stream, int connection);
  Response respond(Exchange& exchange);
  void reap();

  Options options_;
  Handler handler_;
  FaultTable& faults_;
  Traffic& traffic_;
  struct TlsFree {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  };
  std::unique_ptr<SSL_CTX, TlsFree> tls_;
  std::uint16_t port_ = 0;
  Fd listener_;
  Fd stop_;  ///< an eventfd that ends the accept loop
  std::thread acceptor_;
  Mutex mutex_;
  std::list<Connection> connections_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::devcloud
