#include "fs/command/daemon.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fs/mount/paths.h"
#include "fs/service/line.h"
#include "fs/service/socket_place.h"

namespace glancefs::fs {
namespace {

// A record with 128 properties of 64 KiB.
constexpr std::size_t kLargestAnswer = 16UL << 20;
// A daemon that hangs accepts nobody.
constexpr timeval kConnectTime{.tv_sec = 5, .tv_usec = 0};

template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw DaemonError(fmt::format(format, std::forward<Args>(args)...));
}

std::vector<std::string> places_of(const MountEntry& mount, const Environment& environment) {
  const Paths paths = default_paths(effective_user(environment), environment);
  return runtime_directories(mount.owner, ::geteuid(), paths.runtime);
}

// What it says, if it is what a daemon says.
Json result_of(const std::string& line, const std::string& about) {
  Json answer = Json::parse(line, nullptr, false);
  const bool sound = answer.is_object() && answer.contains("ok") && answer["ok"].is_boolean();
  if (sound && answer["ok"].get<bool>() && answer.contains("result")) {
    return std::move(answer["result"]);
  }
  if (!sound || !answer.contains("error") || !answer["error"].is_string()) {
    fail("{}: its daemon answers what makes no sense; is it another version?", about);
  }
  fail("{}: {}", about, answer["error"].get<std::string>());
}

}  // namespace

Daemon::Daemon(MountEntry mount, const Environment& environment, const Interrupt& interrupt)
    : mount_(std::move(mount)),
      places_(places_of(mount_, environment)),
      interrupt_(interrupt) {}

Fd Daemon::connect(const std::string& about) const {
  for (const std::string& place : places_) {
    const std::string path = socket_path(place, mount_.minor);
    Fd socket = checked_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    const sockaddr_un address = socket_address(path);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kConnectTime, sizeof kConnectTime);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      if (errno == EACCES || errno == EPERM) {
        fail("{}: only user {}, who mounted it, and root may ask its daemon", about, mount_.owner);
      }
      continue;
    }
    const uid_t server = peer_of(socket.get()).uid;
    if (server == mount_.owner) return socket;
    fail("{}: {} is not its daemon's but a socket of user {}", about, path, server);
  }
  fail("{}: nobody answers at {}; its daemon has died, or could make no socket", about,
       socket_path(places_.front(), mount_.minor));
}

Json Daemon::ask(const std::string& verb, Json words, const std::string& about,
                 std::chrono::seconds patience) {
  const Fd socket = connect(about);
  const LineDeadline deadline = std::chrono::steady_clock::now() + patience;
  words["do"] = verb;
  std::optional<std::string> line;
  try {
    // Whether that could be sent the answer tells: who is refused may hear of it before.
    write_line(socket, words.dump(-1, ' ', false, Json::error_handler_t::replace), deadline,
               interrupt_.arrivals());
    line = read_line(socket, kLargestAnswer, deadline, interrupt_.arrivals());
  } catch (const std::system_error& error) {
    if (error.code().value() == ECANCELED) throw Interrupted();
    fail("{}: its daemon: {}", about, error.what());
  }
  if (line) return result_of(*line, about);
  if (std::chrono::steady_clock::now() < deadline) fail("{}: its daemon has ended", about);
  fail("{}: its daemon has not answered for {} s", about, patience.count());
}

}  // namespace glancefs::fs
