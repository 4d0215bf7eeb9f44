#include "tests/devcloud/http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <exception>
#include <utility>

namespace glancefs::devcloud {
namespace {

constexpr std::size_t kRequestLineLimit = 8192;
constexpr std::size_t kHeaderTotalLimit = 65536;
constexpr std::size_t kHeaderCountLimit = 200;

/// A request so broken that it gets this raw answer and the connection ends.
class Unparsable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string bare_answer(std::string_view status) {
  return fmt::format("HTTP/1.0 {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status);
}

void parse_target(Request& request) {
  const auto question = request.target.find('?');
  request.path = request.target.substr(0, question);
  if (question != std::string::npos) request.query_string = request.target.substr(question + 1);
  request.query = parse_query(request.query_string);
  request.segments = split(url_decode(request.path, false), '/');
  std::erase(request.segments, "");
}

void read_headers(Stream& stream, Request& request, std::size_t line_limit) {
  std::size_t total = 0;
  while (true) {
    const std::string line = stream.read_line(line_limit);
    if (line.size() >= line_limit) throw Unparsable("400 Header Line Too Long");
    if ((total += line.size()) > kHeaderTotalLimit) throw Unparsable("400 Headers Too Large");
    if (line.empty()) throw Disconnected("ended within the headers");
    if (trim(line).empty()) return;
    const auto colon = line.find(':');
    if (colon == std::string::npos) throw Unparsable("400 Bad Request");
    request.headers.emplace_back(line.substr(0, colon),
                                 trim(std::string_view(line).substr(colon + 1)));
    if (request.headers.size() > kHeaderCountLimit) throw Unparsable("431 Too many headers");
  }
}

Request read_request(Stream& stream, std::size_t line_limit) {
  const std::string line = stream.read_line(kRequestLineLimit);
  if (line.empty()) throw Disconnected("no further request");
  if (line.size() >= kRequestLineLimit) throw Unparsable("414 Request URI Too Long");
  const auto parts = split(trim(line), ' ');
  if (parts.size() != 3 || !parts[2].starts_with("HTTP/1.")) throw Unparsable("400 Bad Request");
  Request request;
  request.method = parts[0];
  request.target = parts[1];
  request.http11 = parts[2] != "HTTP/1.0";
  parse_target(request);
  read_headers(stream, request, line_limit);
  if (const std::string* length = request.header("Content-Length"))
    if (length->empty() || length->find_first_not_of("0123456789") != std::string::npos)
      throw Unparsable("400 Bad Request");
  return request;
}

void block_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace

HttpServer::HttpServer(Options options, Handler handler, FaultTable& faults, Traffic& traffic)
    : options_(std::move(options)),
      handler_(std::move(handler)),
      faults_(faults),
      traffic_(traffic),
      port_(options_.port) {
  if (!options_.tls_certificate.empty()) {
    tls_.reset(SSL_CTX_new(TLS_server_method()));
    if (SSL_CTX_use_certificate_chain_file(tls_.get(), options_.tls_certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls_.get(), options_.tls_key.c_str(), SSL_FILETYPE_PEM) != 1)
      throw std::runtime_error("cannot use the TLS certificate " + options_.tls_certificate);
  }
  stop_ = checked_fd(::eventfd(0, EFD_CLOEXEC), "eventfd");
  up();
}

HttpServer::~HttpServer() { down(); }

void HttpServer::listen() {
  listener_ = checked_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  const int on = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 128) != 0 ||
      ::getsockname(listener_.get(), generic, &size) != 0)
    throw_errno(errno, fmt::format("listen on 127.0.0.1:{}", port_));
  port_ = ntohs(address.sin_port);
}

void HttpServer::up() {
  if (acceptor_.joinable()) return;
  listen();
  acceptor_ = std::thread([this] { accept_loop(); });
}

void HttpServer::down() {
  if (!acceptor_.joinable()) return;
  ::eventfd_write(stop_.get(), 1);
  acceptor_.join();
  eventfd_t drained = 0;
  ::eventfd_read(stop_.get(), &drained);
  listener_.reset();
  {
    const Lock lock(mutex_);
    for (const Connection& connection : connections_)
      if (connection.stream != nullptr) connection.stream->interrupt();
  }
  // Threads still take the lock to say that they are done: join them without it.
  while (true) {
    std::thread thread;
    {
      const Lock lock(mutex_);
      if (connections_.empty()) return;
      thread = std::move(connections_.front().thread);
    }
    if (thread.joinable()) thread.join();
    const Lock lock(mutex_);
    connections_.pop_front();
  }
}

void HttpServer::accept_loop() {
  std::array<pollfd, 2> wait{pollfd{listener_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
  while (true) {
    if (::poll(wait.data(), wait.size(), -1) < 0) continue;
    if (wait[1].revents != 0) return;
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    reap();
    if (fd) start(std::move(fd));
  }
}

void HttpServer::start(Fd fd) {
  const Lock lock(mutex_);
  Connection& connection = connections_.emplace_back();
  connection.stream = std::make_unique<Stream>(std::move(fd), tls_.get());
  connection.thread = std::thread([this, &connection, &stream = *connection.stream] {
    serve(stream);
    const Lock done(mutex_);
    connection.stream.reset();
    connection.done = true;
    traffic_.disconnected();
  });
}

void HttpServer::reap() {
  std::list<Connection> over;
  {
    const Lock lock(mutex_);
    for (auto it = connections_.begin(); it != connections_.end();) {
      const auto next = std::next(it);
      if (it->done) over.splice(over.end(), connections_, it);
      it = next;
    }
  }
  for (Connection& connection : over) connection.thread.join();
}

void HttpServer::serve(Stream& stream) {
  block_sigpipe();
  const int connection = traffic_.connected();
  try {
    stream.handshake();
    while (serve_one(stream, connection)) {
    }
  } catch (const Disconnected&) {  // how connections end
  } catch (const BrokenBody&) {    // a body nobody could read to its end
  }
}

bool HttpServer::serve_one(Stream& stream, int connection) {
  Request request;
  try {
    request = read_request(stream, options_.header_line_limit);
  } catch (const Unparsable& e) {
    stream.write(bare_answer(e.what()));
    return false;
  }
  FaultList faults = faults_.for_request(options_.service, request);
  LogEntry entry;
  entry.service = options_.service;
  entry.method = request.method;
  entry.path = request.path;
  entry.query = request.query_string;
  entry.range = request.header_or("Range", "");
  entry.token = request.header("X-Auth-Token") != nullptr;
  entry.connection = connection;
  const std::size_t index = traffic_.begin(std::move(entry));
  struct Finish {
    Traffic& traffic;
    std::size_t index;
    ~Finish() { traffic.finished(index); }
  } const finish{traffic_, index};
  Exchange exchange(stream, traffic_, std::move(request), std::move(faults), index);
  exchange.delay();
  return exchange.answer(respond(exchange));
}

Response HttpServer::respond(Exchange& exchange) {
  if (const Fault* instead = exchange.fault(Fault::Kind::kAnswer)) {
    Response response;
    response.status = instead->status;
    response.headers = instead->headers;
    response.body = instead->body;
    return response;
  }
  try {
    return handler_(exchange);
  } catch (const Crash&) {
    Response response;
    response.status = 500;
    response.set("Content-Type", "text/plain");
    response.close = true;
    return response;
  }
}

}  // namespace glancefs::devcloud
