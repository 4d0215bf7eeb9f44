#include "tests/support/stub_server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace glancefs::test {
namespace {

// Appends what comes; false at the end.
bool receive(const Fd& fd, std::string& buffer) {
  std::array<char, 65536> piece{};
  const ssize_t got = ::recv(fd.get(), piece.data(), piece.size(), 0);
  if (got <= 0) return false;
  buffer.append(piece.data(), static_cast<std::size_t>(got));
  return true;
}

}  // namespace

std::string Peer::read_head() {
  constexpr std::string_view kEnd = "\r\n\r\n";
  while (buffer_.find(kEnd) == std::string::npos) {
    if (!receive(fd_, buffer_)) return {};
  }
  const std::size_t end = buffer_.find(kEnd) + kEnd.size();
  std::string head = buffer_.substr(0, end);
  buffer_.erase(0, end);
  return head;
}

std::string Peer::read_body(std::size_t size) {
  while (buffer_.size() < size && receive(fd_, buffer_)) {
  }
  std::string body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return body;
}

bool Peer::send(const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t put = ::send(fd_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (put <= 0) return false;
    sent += static_cast<std::size_t>(put);
  }
  return true;
}

void Peer::wait_for_close() {
  std::string ignored;
  while (receive(fd_, ignored)) ignored.clear();
}

void Peer::end_with_reset() {
  const linger abort{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
}

StubServer::StubServer(Script script)
    : script_(std::move(script)),
      listener_(checked_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 64) != 0 ||
      ::getsockname(listener_.get(), generic, &size) != 0) {
    throw_errno(errno, "a listening socket");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this] { accept_all(); });
}

StubServer::~StubServer() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  std::vector<std::jthread> threads;
  {
    const Lock lock(mutex_);
    stopping_ = true;
    for (const auto& peer : peers_) {
      if (peer->fd_) ::shutdown(peer->fd_.get(), SHUT_RDWR);
    }
    threads.swap(threads_);
  }
}

int StubServer::connections() const {
  const Lock lock(mutex_);
  return connections_;
}

void StubServer::accept_all() {
  while (true) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) return;
    const Lock lock(mutex_);
    const int number = ++connections_;
    auto peer = std::make_shared<Peer>(std::move(fd));
    peers_.push_back(peer);
    threads_.emplace_back([this, peer, number] {
      script_(*peer, number);
      const Lock closing(mutex_);
      peer->fd_.reset();
    });
  }
}

}  // namespace glancefs::test
