#include "tests/devcloud/stream.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace glancefs::devcloud {

Stream::Stream(Fd fd, SSL_CTX* tls) : fd_(std::move(fd)) {
  const int on = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (tls == nullptr) return;
  ssl_.reset(SSL_new(tls));
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), fd_.get()) != 1)
    throw Disconnected("no TLS session");
}

Stream::~Stream() = default;

void Stream::handshake() {
  if (ssl_ != nullptr && SSL_accept(ssl_.get()) != 1) throw Disconnected("TLS handshake failed");
}

std::size_t Stream::receive(std::span<char> into) {
  if (ssl_ != nullptr) {
    std::size_t done = 0;
    if (SSL_read_ex(ssl_.get(), into.data(), into.size(), &done) == 1) return done;
    if (SSL_get_error(ssl_.get(), 0) == SSL_ERROR_ZERO_RETURN) return 0;
    throw Disconnected("TLS read failed");
  }
  while (true) {
    const ssize_t done = ::recv(fd_.get(), into.data(), into.size(), 0);
    if (done >= 0) return static_cast<std::size_t>(done);
    if (errno != EINTR) throw Disconnected("the peer reset the connection");
  }
}

std::size_t Stream::read(std::span<char> into) {
  if (buffer_.empty()) return receive(into);
  const std::size_t n = std::min(into.size(), buffer_.size());
  std::memcpy(into.data(), buffer_.data(), n);
  buffer_.erase(0, n);
  return n;
}

std::string Stream::read_line(std::size_t limit) {
  std::size_t searched = 0;
  while (true) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos || buffer_.size() >= limit) {
      const std::size_t n = std::min(limit, end == std::string::npos ? limit : end + 1);
      std::string line = buffer_.substr(0, n);
      buffer_.erase(0, n);
      return line;
    }
    searched = buffer_.size();
    std::array<char, 16384> more{};
    const std::size_t n = receive(more);
    if (n == 0) return std::exchange(buffer_, {});
    buffer_.append(more.data(), n);
  }
}

void Stream::write(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t done = 0;
    if (ssl_ != nullptr) {
      if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &done) != 1)
        throw Disconnected("TLS write failed");
    } else {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno != EINTR) throw Disconnected("the peer does not read any more");
      done = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
    }
    bytes.remove_prefix(done);
  }
}

void Stream::reset() noexcept {
  // A reset drops what the kernel has not sent yet; tests count on the bytes before it.
  for (int i = 0; i < 200; ++i) {
    int unsent = 0;
    if (::ioctl(fd_.get(), SIOCOUTQ, &unsent) != 0 || unsent == 0) break;
    ::poll(nullptr, 0, 5);
  }
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

bool Stream::gone_within(std::chrono::milliseconds time) const {
  pollfd wait{.fd = fd_.get(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&wait, 1, static_cast<int>(time.count())) > 0;
}

void Stream::interrupt() noexcept { ::shutdown(fd_.get(), SHUT_RDWR); }

}  // namespace glancefs::devcloud
