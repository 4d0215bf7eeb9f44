#include "base/journal.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <utility>

namespace glancefs::log {
namespace {

sockaddr_un address_of(const std::string& path) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  return address;
}

}  // namespace

Journal::Journal(std::string path) : path_(std::move(path)) {
  const std::string what = "journal at " + path_;
  if (path_.size() >= sizeof(sockaddr_un{}.sun_path)) throw_errno(ENAMETOOLONG, what);
  socket_ = checked_fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), what);
  // Only to learn whether somebody is there: a socket that stays connected would be lost when
  // journald restarts.
  const Fd probe = checked_fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), what);
  const sockaddr_un address = address_of(path_);
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw_errno(errno, what);
  }
}

bool Journal::send(std::string_view datagram) noexcept {
  const sockaddr_un address = address_of(path_);
  return ::sendto(socket_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                  reinterpret_cast<const sockaddr*>(&address), sizeof address) >= 0;
}

}  // namespace glancefs::log
