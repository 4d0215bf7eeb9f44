#include "fs/service/socket_server.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "base/log.h"
#include "fs/service/line.h"
#include "fs/service/socket_place.h"

namespace glancefs::fs {
namespace {

constexpr std::size_t kAnswerThreads = 8;
constexpr int kBacklog = 16;
// When the process has no more descriptors, say.
constexpr std::chrono::milliseconds kAcceptPause{200};

Fd make_socket(const std::string& path) {
  Fd socket = checked_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), path);
  // Before there is a name that anybody could use.
  if (::fchmod(socket.get(), S_IRUSR | S_IWUSR) != 0) throw_errno(errno, path);
  const sockaddr_un address = socket_address(path);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno(errno, path);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    throw_errno(errno, path);
  }
  return socket;
}

ino_t inode_of(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace

SocketServer::SocketServer(std::string path, uid_t owner, Answer answer, SocketLimits limits)
    : path_(std::move(path)),
      owner_(owner),
      answer_(std::move(answer)),
      limits_(limits),
      socket_(make_socket(path_)),
      ending_(checked_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      inode_(inode_of(path_)),
      answers_(kAnswerThreads),
      listener_([this] { listen(); }) {}

SocketServer::~SocketServer() {
  stop_.request_stop();
  const std::uint64_t one = 1;
  static_cast<void>(::write(ending_.get(), &one, sizeof one));
  listener_.join();
  // The next mount may have got the same device number, and with it the name.
  if (inode_of(path_) == inode_) ::unlink(path_.c_str());
}

void SocketServer::listen() {
  while (!stop_.stop_requested()) {
    try {
      wait_readable(socket_, LineDeadline::max(), ending_.get());
      accept_one();
    } catch (const std::system_error& error) {
      if (stop_.stop_requested()) return;
      log::warning("{}: {}", path_, error.what());
      std::this_thread::sleep_for(kAcceptPause);
    }
  }
}

void SocketServer::accept_one() {
  const auto client = std::make_shared<Fd>(
      ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!*client) {
    if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return;
    throw_errno(errno, "accept");
  }
  if (clients_ >= limits_.clients) {
    // Without waiting: what fits into the socket's buffer.
    static_cast<void>(
        write_line(*client, refusal_line(EBUSY, "too many ask at once"), LineDeadline(), -1));
    return;
  }
  ++clients_;
  // Whoever lets go of it last, also when there is no thread to be had.
  const std::shared_ptr<void> place(nullptr, [this, client](void*) {
    client->reset();
    --clients_;
  });
  answers_.run([this, client, place] { serve(*client); }, stop_.get_token());
}

void SocketServer::serve(const Fd& client) noexcept {
  try {
    const ucred peer = peer_of(client.get());
    if (peer.uid != owner_ && peer.uid != 0) {
      log::warning("{}: user {} was refused", path_, peer.uid);
      return say(client, refusal_line(EACCES, "only its owner and root may ask"));
    }
    std::optional<std::string> request;
    try {
      request = read_line(client, limits_.request,
                          std::chrono::steady_clock::now() + limits_.patience, ending_.get());
    } catch (const std::system_error& error) {
      if (error.code().value() != EMSGSIZE) throw;
      return say(client, refusal_line(EMSGSIZE, "the request is too long"));
    }
    if (request) say(client, answer_(*request, stop_.get_token()));
  } catch (const std::exception& error) {
    log::debug("{}: {}", path_, error.what());
  }
}

void SocketServer::say(const Fd& client, const std::string& line) {
  write_line(client, line, std::chrono::steady_clock::now() + limits_.patience, ending_.get());
}

}  // namespace glancefs::fs
