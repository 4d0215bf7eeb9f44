#include "fs/service/line.h"

#include <sys/socket.h>

#include <array>

#include "base/poll.h"

namespace glancefs::fs {
namespace {

bool wait_for(const Fd& socket, short what, LineDeadline deadline, int ending) {
  std::array<pollfd, 2> fds{pollfd{socket.get(), what, 0}, pollfd{ending, POLLIN, 0}};
  const int count = poll_until(fds, deadline);
  if (count < 0) throw_errno(errno, "poll");
  if (fds[1].revents != 0) throw_errno(ECANCELED, "interrupted");
  return count > 0;
}

}  // namespace

bool wait_readable(const Fd& socket, LineDeadline deadline, int ending) {
  return wait_for(socket, POLLIN, deadline, ending);
}

std::optional<std::string> read_line(const Fd& socket, std::size_t most, LineDeadline deadline,
                                     int ending) {
  std::string line;
  std::array<char, 16384> buffer{};
  while (wait_readable(socket, deadline, ending)) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0 && errno != ECONNRESET) throw_errno(errno, "reading from a socket");
    if (got <= 0) return std::nullopt;
    const std::string_view part(buffer.data(), static_cast<std::size_t>(got));
    const std::size_t end = part.find('\n');
    line += part.substr(0, end);
    if (line.size() > most) throw_errno(EMSGSIZE, "the line is too long");
    if (end != std::string_view::npos) return line;
  }
  return std::nullopt;
}

bool write_line(const Fd& socket, std::string_view line, LineDeadline deadline, int ending) {
  std::string bytes(line);
  bytes += '\n';
  std::string_view rest(bytes);
  while (!rest.empty()) {
    if (!wait_for(socket, POLLOUT, deadline, ending)) return false;
    const ssize_t sent =
        ::send(socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent < 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace glancefs::fs
