#include "tests/mount/command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "base/fd.h"

namespace glancefs::mount_test {
namespace {

// Ours, and `more` in place of variables of the same name.
std::vector<std::string> environment_with(const Environment& more) {
  std::vector<std::string> variables;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string variable(*each);
    if (!more.contains(variable.substr(0, variable.find('=')))) variables.push_back(variable);
  }
  for (const auto& [name, value] : more) variables.push_back(name + "=" + value);
  return variables;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Starts `line` with both outputs in a pipe whose other end is `*output`, in a process group of its
// own, so that what it starts ends with it. Not by fork(): the test has threads, and what they hold
// (malloc, for one) a child would wait for in vain.
int spawn(const std::string& line, const Environment& environment, int* output) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno(errno, "pipe");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> words{"sh", "-c", line};
  std::vector<std::string> variables = environment_with(environment);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, "/bin/sh", &actions, &attributes, pointers_to(words).data(),
                                  pointers_to(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  ::close(ends[1]);
  if (error != 0) throw_errno(error, "sh");
  *output = ends[0];
  return pid;
}

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

Result run(const std::string& line, const Environment& environment, std::chrono::seconds limit) {
  Background program(line, environment);
  const int code = program.wait(limit);
  if (code < 0) ADD_FAILURE() << "still running after " << limit.count() << " s: " << line;
  return {.code = code, .output = program.output()};
}

Background::Background(const std::string& line, const Environment& environment) {
  pid_ = spawn(line, environment, &pipe_);
}

Background::~Background() {
  if (code_ < 0) {
    signal(SIGTERM);
    if (wait(std::chrono::seconds(10)) < 0) {
      ::kill(-pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  ::close(pipe_);
}

void Background::read_some(int timeout_ms) {
  pollfd waiting{.fd = pipe_, .events = POLLIN, .revents = 0};
  if (::poll(&waiting, 1, timeout_ms) <= 0) return;
  std::array<char, 4096> buffer{};
  const ssize_t got = ::read(pipe_, buffer.data(), buffer.size());
  if (got > 0) output_.append(buffer.data(), static_cast<std::size_t>(got));
}

bool Background::wait_for_output(const std::string& text) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (output_.find(text) == std::string::npos) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    read_some(50);
    if (wait(std::chrono::seconds(0)) >= 0) return output().find(text) != std::string::npos;
  }
  return true;
}

std::string Background::output() {
  for (std::size_t before = std::string::npos; before != output_.size();) {
    before = output_.size();
    read_some(0);
  }
  return output_;
}

void Background::signal(int number) { ::kill(-pid_, number); }

int Background::wait(std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (code_ < 0) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      code_ = code_of(status);
      break;
    }
    if (std::chrono::steady_clock::now() >= deadline) break;
    read_some(20);  // also keeps the program from waiting for a full pipe
  }
  return code_;
}

}  // namespace glancefs::mount_test
