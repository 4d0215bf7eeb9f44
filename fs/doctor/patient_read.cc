#include "fs/doctor/patient_read.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/fd.h"
#include "base/poll.h"

namespace glancefs::fs {
namespace {

// In a child process, where only what is safe after a fork may be called: copies the file to the
// pipe, and ends with the errno.
[[noreturn]] void copy_and_end(const char* path, int pipe, std::size_t most) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) ::_exit(errno);
  const off_t size = ::lseek(file, 0, SEEK_END);
  const auto end = static_cast<off_t>(most);
  ::lseek(file, size > end ? size - end : 0, SEEK_SET);
  std::array<char, 65536> piece;  // NOLINT(*-member-init): filled by read
  while (true) {
    const ssize_t got = ::read(file, piece.data(), piece.size());
    if (got < 0) ::_exit(errno);
    if (got == 0) ::_exit(0);
    if (::write(pipe, piece.data(), static_cast<std::size_t>(got)) != got) ::_exit(EPIPE);
  }
}

// What comes through the pipe until its end; false: `until` has passed.
bool drain(const Fd& pipe, std::chrono::steady_clock::time_point until, std::string& text) {
  std::array<char, 65536> piece{};
  while (true) {
    pollfd waiting{.fd = pipe.get(), .events = POLLIN, .revents = 0};
    if (poll_until(std::span(&waiting, 1), until) <= 0) return false;
    const ssize_t got = ::read(pipe.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

std::string text_of_file(const std::string& path, std::chrono::milliseconds limit,
                         std::size_t most) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno(errno, "pipe");
  const Fd in(ends[0]);
  Fd out(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw_errno(errno, "fork");
  if (child == 0) copy_and_end(path.c_str(), out.get(), most);
  out.reset();
  std::string text;
  const bool ended = drain(in, std::chrono::steady_clock::now() + limit, text);
  int status = 0;
  if (!ended) {
    // Not waited for: the kernel keeps it until the daemon answers.
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, WNOHANG);
    throw_errno(ETIMEDOUT, path);
  }
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  const int error = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
  if (error != 0) throw_errno(error, path);
  return text;
}

}  // namespace glancefs::fs
