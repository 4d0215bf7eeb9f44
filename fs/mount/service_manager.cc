#include "fs/mount/service_manager.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>

#include "base/fd.h"
#include "base/log.h"

namespace glancefs::fs {
namespace {

using std::chrono::microseconds;

std::string socket_of(const Environment& environment) {
  const auto found = environment.find("NOTIFY_SOCKET");
  return found == environment.end() ? std::string() : found->second;
}

// A newline would begin another assignment.
std::string assignment(std::string_view name, std::string_view value) {
  return fmt::format("{}={}\n", name, log::printable(value));
}

void send_to(const std::string& socket, const std::string& message) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool known = socket.starts_with('/') || socket.starts_with('@');
  if (!known || socket.size() >= sizeof address.sun_path) throw_errno(EINVAL, "NOTIFY_SOCKET");
  std::ranges::copy(socket, static_cast<char*>(address.sun_path));
  if (socket.starts_with('@')) address.sun_path[0] = '\0';
  // An abstract name ends where the length says, not at a NUL.
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
  const Fd fd = checked_fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), socket);
  const auto* where = reinterpret_cast<const sockaddr*>(&address);  // NOLINT(*reinterpret-cast)
  if (::sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL, where, length) < 0) {
    throw_errno(errno, socket);
  }
}

}  // namespace

ServiceManager::ServiceManager(const Environment& environment) : socket_(socket_of(environment)) {}

void ServiceManager::send(const std::string& message) const noexcept {
  if (socket_.empty()) return;
  try {
    send_to(socket_, message);
  } catch (const std::exception& error) {
    log::info("the service manager was not told: {}", error.what());
  }
}

void ServiceManager::ready(std::string_view status) const noexcept {
  send("READY=1\n" + assignment("STATUS", status));
}

void ServiceManager::status(std::string_view text) const noexcept {
  send(assignment("STATUS", text));
}

void ServiceManager::reloading() const noexcept {
  const auto now = std::chrono::duration_cast<microseconds>(
      std::chrono::steady_clock::now().time_since_epoch());  // CLOCK_MONOTONIC
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reading the configuration again\n",
                   now.count()));
}

void ServiceManager::stopping(std::string_view status,
                              std::chrono::milliseconds limit) const noexcept {
  send(fmt::format("STOPPING=1\nEXTEND_TIMEOUT_USEC={}\n", microseconds(limit).count()) +
       assignment("STATUS", status));
}

}  // namespace glancefs::fs
