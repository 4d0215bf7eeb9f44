#include "fs/metrics/listener.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "base/poll.h"

namespace glancefs::fs {
namespace {

constexpr std::chrono::seconds kPatience{2};
constexpr std::size_t kMaxHead = std::size_t{16} * 1024;
constexpr int kBacklog = 8;

using Time = std::chrono::steady_clock::time_point;

/// An address as the socket calls take it.
struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&bytes); }
};

SocketAddress socket_address(const ListenAddress& address) {
  SocketAddress result;
  if (address.host.empty()) {
    auto& local = reinterpret_cast<sockaddr_un&>(result.bytes);
    local.sun_family = AF_UNIX;
    address.path.copy(static_cast<char*>(local.sun_path), sizeof local.sun_path - 1);
    result.size = sizeof local;
  } else if (address.host.find(':') != std::string::npos) {
    auto& six = reinterpret_cast<sockaddr_in6&>(result.bytes);
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(address.port);
    ::inet_pton(AF_INET6, address.host.c_str(), &six.sin6_addr);
    result.size = sizeof six;
  } else {
    auto& four = reinterpret_cast<sockaddr_in&>(result.bytes);
    four.sin_family = AF_INET;
    four.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.host.c_str(), &four.sin_addr);
    result.size = sizeof four;
  }
  return result;
}

Fd make_socket(const SocketAddress& address, const std::string& what) {
  return checked_fd(
      ::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), what);
}

// A socket that a daemon left when it was killed: nobody listens there.
void remove_abandoned(const ListenAddress& address, const std::string& what) {
  struct stat status {};
  if (::lstat(address.path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  const SocketAddress where = socket_address(address);
  const Fd probe = make_socket(where, what);
  if (::connect(probe.get(), where.get(), where.size) != 0 && errno == ECONNREFUSED) {
    ::unlink(address.path.c_str());
  }
}

std::uint16_t bound_port(const Fd& socket) {
  sockaddr_storage bytes{};
  socklen_t size = sizeof bytes;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bytes), &size) != 0) return 0;
  return bytes.ss_family == AF_INET6 ? ntohs(reinterpret_cast<const sockaddr_in6&>(bytes).sin6_port)
                                     : ntohs(reinterpret_cast<const sockaddr_in&>(bytes).sin_port);
}

// False: `until` has passed, or the mount ends.
bool wait_for(int fd, short events, const Fd& stop, Time until) {
  std::array<pollfd, 2> waiting{{{.fd = fd, .events = events, .revents = 0},
                                 {.fd = stop.get(), .events = POLLIN, .revents = 0}}};
  return poll_until(waiting, until) > 0 && waiting[1].revents == 0;
}

// The head of a request; empty: none came in time.
std::string read_head(const Fd& connection, const Fd& stop, Time until) {
  std::string head;
  std::array<char, 2048> piece{};
  while (head.find("\r\n\r\n") == std::string::npos) {
    if (head.size() > kMaxHead || !wait_for(connection.get(), POLLIN, stop, until)) return {};
    const ssize_t got = ::recv(connection.get(), piece.data(), piece.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return {};
    head.append(piece.data(), static_cast<std::size_t>(got));
  }
  return head;
}

void send_all(const Fd& connection, std::string_view bytes, const Fd& stop, Time until) {
  while (!bytes.empty() && wait_for(connection.get(), POLLOUT, stop, until)) {
    const ssize_t sent = ::send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string message(std::string_view status, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
      "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
      status, body.size(), body);
}

}  // namespace

MetricsSocket::MetricsSocket(const ListenAddress& address) : address_(address) {
  const std::string what = "metrics-listen=" + address.text();
  if (address.host.empty()) remove_abandoned(address, what);
  const SocketAddress where = socket_address(address);
  socket_ = make_socket(where, what);
  const int on = 1;
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Of the socket itself, before it has a name: nobody else can connect in between.
  if (address.host.empty() && ::fchmod(socket_.get(), 0600) != 0) throw_errno(errno, what);
  if (::bind(socket_.get(), where.get(), where.size) != 0) throw_errno(errno, what);
  if (::listen(socket_.get(), kBacklog) != 0) throw_errno(errno, what);
  if (!address.host.empty()) address_.port = bound_port(socket_);
}

MetricsSocket::~MetricsSocket() {
  if (address_.host.empty()) ::unlink(address_.path.c_str());
}

MetricsListener::MetricsListener(const MetricsSocket& socket, std::function<std::string()> text)
    : socket_(socket),
      text_(std::move(text)),
      stop_(checked_fd(::eventfd(0, EFD_CLOEXEC), "metrics")),
      thread_([this] { work(); }) {}

MetricsListener::~MetricsListener() {
  const std::uint64_t one = 1;
  // Cannot fail: the counter is far from full.
  static_cast<void>(!::write(stop_.get(), &one, sizeof one));
  thread_.join();
}

void MetricsListener::work() noexcept {
  while (wait_for(socket_.get().get(), POLLIN, stop_, Time::max())) {
    const Fd connection(
        ::accept4(socket_.get().get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connection) {
      // Out of descriptors, say: whoever waits is still there, and this must not spin.
      if (errno != EAGAIN) wait_for(-1, 0, stop_, std::chrono::steady_clock::now() + kPatience);
      continue;
    }
    try {
      answer(connection);
    } catch (const std::exception& error) {
      log::warning("metrics: {}", error.what());
    }
  }
}

void MetricsListener::answer(const Fd& connection) const {
  const Time until = std::chrono::steady_clock::now() + kPatience;
  const std::string head = read_head(connection, stop_, until);
  if (head.empty()) return;
  const std::string_view line = std::string_view(head).substr(0, head.find("\r\n"));
  const std::string_view method = line.substr(0, line.find(' '));
  std::string_view target = line.substr(std::min(method.size() + 1, line.size()));
  target = target.substr(0, target.find_first_of(" ?"));
  std::string reply;
  if (method != "GET") {
    reply = message("405 Method Not Allowed", "only GET\n");
  } else if (target != "/metrics") {
    reply = message("404 Not Found", "metrics are at /metrics\n");
  } else {
    reply = message("200 OK", text_());
  }
  send_all(connection, reply, stop_, until);
}

}  // namespace glancefs::fs
