#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <stdexcept>

#include "tests/cloud/server.h"

namespace glancefs::cloud {
namespace {

using Clock = std::chrono::steady_clock;

/// The status line and headers of an answer, without the empty line.
Reply parse_head(std::string_view head) {
  Reply reply;
  const auto space = head.find(' ');
  std::from_chars(head.data() + space + 1, head.data() + head.size(), reply.status);
  for (auto end = head.find("\r\n"); end != std::string_view::npos;) {
    head.remove_prefix(end + 2);
    end = head.find("\r\n");
    const auto line = head.substr(0, end);
    const auto colon = line.find(": ");
    if (colon != std::string_view::npos) {
      reply.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
  }
  return reply;
}

bool without_body(int status) { return status / 100 == 1 || status == 204; }

}  // namespace

Wire::Wire(const Server& server)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      host_(server.host() + ":" + std::to_string(server.port())) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(server.port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close();
    throw std::runtime_error("cannot connect to " + host_);
  }
}

void Wire::head(const std::string& method, const std::string& path, const Headers& headers) {
  auto text = method + " " + path + " HTTP/1.1\r\nHost: " + host_ + "\r\n";
  for (const auto& [name, value] : headers)
    text.append(name).append(": ").append(value).append("\r\n");
  send(text + "\r\n");
}

bool Wire::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Wire::fill(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd watched{.fd = fd_, .events = POLLIN, .revents = 0};
  if (left <= 0 || ::poll(&watched, 1, static_cast<int>(left)) <= 0) return false;
  std::string bytes(65536, '\0');
  const auto got = ::recv(fd_, bytes.data(), bytes.size(), 0);
  if (got <= 0) return false;
  pending_.append(bytes, 0, static_cast<std::size_t>(got));
  return true;
}

Reply Wire::reply(std::chrono::milliseconds bound) {
  const auto deadline = Clock::now() + bound;
  auto end = pending_.find("\r\n\r\n");
  while (end == std::string::npos) {
    if (!fill(deadline)) return {};
    end = pending_.find("\r\n\r\n");
  }
  auto reply = parse_head(std::string_view(pending_).substr(0, end));
  pending_.erase(0, end + 4);
  if (without_body(reply.status)) return reply;
  const auto length =
      reply.has("Content-Length") ? std::stoull(reply.header("Content-Length")) : std::string::npos;
  while (pending_.size() < length && fill(deadline)) {
  }
  reply.body = pending_.substr(0, length);
  pending_.erase(0, reply.body.size());
  return reply;
}

bool Wire::ended(std::chrono::milliseconds bound) {
  const auto deadline = Clock::now() + bound;
  while (fill(deadline)) {
  }
  return Clock::now() < deadline;
}

void Wire::half_close() const { ::shutdown(fd_, SHUT_WR); }

void Wire::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace glancefs::cloud
