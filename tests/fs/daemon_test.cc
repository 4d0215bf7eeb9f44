#include "fs/mount/daemon.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "client/cloud.h"
#include "client/session.h"
#include "fs/mount/process.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::fs {
namespace {

using test::TemporaryDirectory;

using std::chrono::milliseconds;
using ::testing::HasSubstr;

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 512> buffer{};
  for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return text;
}

/// start() in a process of its own, as main() would call it: what it prints and answers.
class Command {
 public:
  Command(const Startup& startup, const std::function<void(Ready&)>& serve) {
    // Daemons whose starter has ended become our children, so that they can be waited for.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    output_ = Fd(ends[0]);
    const Fd writing(ends[1]);
    static_cast<void>(std::fflush(nullptr));  // ours, not the command's
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(writing.get(), STDOUT_FILENO);
      ::dup2(writing.get(), STDERR_FILENO);
      ::_exit(start(startup, serve));
    }
  }

  pid_t pid() const { return pid_; }
  /// All output, once nobody has the pipe open any more.
  std::string output() const { return read_to_end(output_.get()); }
  int code() const { return wait_for(pid_); }

  static int wait_for(pid_t pid) {
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  Fd output_;
  pid_t pid_ = -1;
};

Startup startup() {
  Startup result;
  result.program = "mount.glancefs";
  return result;
}

class DaemonTest : public ::testing::Test {
 protected:
  void make_fifo(const std::string& name) const {
    ASSERT_EQ(::mkfifo(file(name).c_str(), 0600), 0);
  }
  std::string file(const std::string& name) const { return directory_.path() + "/" + name; }
  static std::string content(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return read_to_end(fd.get());
  }
  static void tell(const std::string& path, const std::string& text) {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  TemporaryDirectory directory_;
};

TEST_F(DaemonTest, ReturnsWhenReadyAndLeavesTheDaemonRunning) {
  make_fifo("daemon");
  make_fifo("end");
  const Command command(startup(), [&](Ready& ready) {
    ready.ready("prod mounted on /mnt/images");
    tell(file("daemon"), std::to_string(::getpid()));
    content(file("end"));
    throw_errno(EIO, "after the mount was usable");  // for the log only
  });
  // The output ends although the daemon lives: x=$(mount …) must not hang.
  EXPECT_EQ(command.output(), "prod mounted on /mnt/images\n");
  EXPECT_EQ(command.code(), 0);
  const pid_t daemon = std::stoi(content(file("daemon")));
  EXPECT_NE(daemon, command.pid());
  EXPECT_EQ(::kill(daemon, 0), 0);
  tell(file("end"), "");
  EXPECT_EQ(Command::wait_for(daemon), static_cast<int>(ExitCode::kMountFailed));
}

TEST_F(DaemonTest, TheDaemonHasNothingOfTheCaller) {
  std::array<int, 2> inherited{};
  ASSERT_EQ(::pipe(inherited.data()), 0);  // without O_CLOEXEC, as a careless shell has them
  const Fd reading(inherited[0]);
  Fd writing(inherited[1]);
  const Command command(startup(), [&](Ready&) {
    std::string found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      found += " " + std::filesystem::read_symlink(entry).string().substr(0, 4);
    }
    throw StartError(ExitCode::kSystem,
                     fmt::format("in {} leader {} fds {}", std::filesystem::current_path().string(),
                                 ::getsid(0) == ::getpid(), found));
  });
  writing.reset();
  const std::string output = command.output();
  EXPECT_THAT(output, HasSubstr("in / leader true"));
  // Standard input, our two ends of output, the report, and the directory being read.
  EXPECT_EQ(std::ranges::count(output.substr(output.find("fds")), '\n'), 1);
  EXPECT_EQ(read_to_end(reading.get()), "") << "the daemon holds the caller's pipe";
  EXPECT_EQ(command.code(), 2);
}

TEST_F(DaemonTest, WhoIsLetGoReadsWhyAndTheDaemonGoesOn) {
  const std::string log = file("log");
  const Command command(startup(), [&](Ready& ready) {
    log::open(log, log::Level::kWarning);
    ready.let_go("nobody answers");
    ready.let_go("and again");
    throw StartError(ExitCode::kMountFailed, "in vain", "a hint");
  });
  EXPECT_EQ(command.output(), "mount.glancefs: nobody answers\n");
  EXPECT_EQ(command.code(), 0);
  std::string text;
  for (int i = 0; i < 2000 && text.empty(); ++i) {
    text = read_to_end(
        checked_fd(::open(log.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600), log).get());
    if (text.empty()) ::usleep(5000);
  }
  EXPECT_THAT(text, HasSubstr("mount.glancefs: in vain;  hint: a hint\n"));
}

TEST_F(DaemonTest, PassesOnReasonHintAndCode) {
  const Command command(startup(), [](Ready&) {
    throw client::LoginError(EACCES, "prod: login refused", "wrong password?");
  });
  EXPECT_EQ(command.output(), "mount.glancefs: prod: login refused\n  hint: wrong password?\n");
  EXPECT_EQ(command.code(), 32);
}

TEST_F(DaemonTest, TheForegroundSaysTheSame) {
  Startup foreground = startup();
  foreground.foreground = true;
  const Command failed(foreground,
                       [](Ready&) { throw client::CloudError("no cloud given", "set OS_CLOUD"); });
  EXPECT_EQ(failed.output(), "mount.glancefs: no cloud given\n  hint: set OS_CLOUD\n");
  EXPECT_EQ(failed.code(), 1);
  const Command served(foreground, [](Ready& ready) {
    ready.ready("mounted");
    ::dprintf(STDERR_FILENO, "still the caller's terminal\n");
  });
  EXPECT_EQ(served.output(), "mounted\nstill the caller's terminal\n");
  EXPECT_EQ(served.code(), 0);
}

TEST_F(DaemonTest, WhatWasBuiltIsGoneBeforeTheReasonIsTold) {
  const Command command(startup(), [](Ready&) {
    const std::shared_ptr<void> built(nullptr, [](void*) { ::dprintf(STDERR_FILENO, "gone\n"); });
    throw std::logic_error("oops");
  });
  EXPECT_EQ(command.output(), "gone\nmount.glancefs: internal error: oops\n");
  EXPECT_EQ(command.code(), 4);
}

TEST_F(DaemonTest, ADaemonThatDiesIsReportedAndTidiedUp) {
  Startup with_undo = startup();
  with_undo.undo = [] { ::dprintf(STDERR_FILENO, "undone\n"); };
  const Command command(with_undo, [](Ready&) { ::kill(::getpid(), SIGKILL); });
  EXPECT_EQ(
      command.output(),
      "undone\nmount.glancefs: the daemon was killed by signal 9 before the mount was usable\n");
  EXPECT_EQ(command.code(), 4);
}

TEST_F(DaemonTest, ASlowDaemonIsEnded) {
  Startup hasty = startup();
  hasty.limit = milliseconds(20);
  hasty.undo = [] { throw StartError(ExitCode::kMountFailed, "/mnt: cannot unmount"); };
  const Command command(hasty, [](Ready&) { ::pause(); });
  EXPECT_EQ(command.output(),
            "mount.glancefs: /mnt: cannot unmount\n"
            "mount.glancefs: not mounted after 0.02 s (mount-timeout)\n");
  EXPECT_EQ(command.code(), 32);
}

TEST_F(DaemonTest, ADaemonThatIgnoresTheEndIsKilled) {
  Startup hasty = startup();
  hasty.limit = milliseconds(20);
  hasty.grace = milliseconds(20);
  const Command command(hasty, [](Ready&) {
    ::signal(SIGTERM, SIG_IGN);
    for (;;) ::pause();
  });
  EXPECT_THAT(command.output(), HasSubstr("not mounted after"));
  EXPECT_EQ(command.code(), 32);
}

TEST_F(DaemonTest, AnInterruptEndsTheDaemonInAnOrderlyWay) {
  make_fifo("daemon");
  const Command command(startup(), [&](Ready&) {
    // As a serving loop does it: the signal ends the work, and what was built is taken down.
    sigset_t set{};
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    tell(file("daemon"), std::to_string(::getpid()));
    int signal = 0;
    ::sigwait(&set, &signal);
    ::dprintf(STDERR_FILENO, "taken down\n");
  });
  content(file("daemon"));
  ::kill(command.pid(), SIGINT);
  EXPECT_EQ(command.output(), "taken down\nmount.glancefs: interrupted\n");
  EXPECT_EQ(command.code(), 8);
}

TEST(DescribeFailure, CodesAndEscapes) {
  const auto describe = [](const auto& error) {
    return describe_failure("p", std::make_exception_ptr(error));
  };
  EXPECT_EQ(describe(std::system_error(ENOMEM, std::generic_category())).code, ExitCode::kSystem);
  EXPECT_EQ(describe(std::system_error(EACCES, std::generic_category(), "cache directory /c")).text,
            "p: cache directory /c: Permission denied\n");
  EXPECT_EQ(describe(std::bad_alloc()).code, ExitCode::kSystem);
  EXPECT_EQ(describe(42).code, ExitCode::kBug);
  EXPECT_EQ(describe(client::CloudError("a\x1b[31mb")).text, "p: a\\x1b[31mb\n");
}

/// Runs `check` in a child and answers its exit code: it changes what the test program must keep.
int in_child(const std::function<int()>& check) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(check());
  return Command::wait_for(pid);
}

TEST(Process, HardenedProcessesLeaveNoCore) {
  EXPECT_EQ(in_child([] {
              harden_process();
              rlimit limit{1, 1};
              ::getrlimit(RLIMIT_CORE, &limit);
              return ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && limit.rlim_max == 0 ? 0 : 1;
            }),
            0);
}

TEST(Process, ClosedStandardStreamsAreFilled) {
  EXPECT_EQ(in_child([] {
              ::close(STDIN_FILENO);
              ::close(STDERR_FILENO);
              fill_standard_streams();
              const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
              return next > STDERR_FILENO && ::fcntl(STDIN_FILENO, F_GETFD) >= 0 ? 0 : 1;
            }),
            0);
}

TEST(Process, SecretsLeaveTheEnvironment) {
  EXPECT_EQ(in_child([] {
              ::setenv("OS_PASSWORD", "geheim", 1);
              ::setenv("OS_USERNAME", "ann", 1);
              const char* value = ::getenv("OS_PASSWORD");
              const bool seen = current_environment().at("OS_PASSWORD") == "geheim";
              Options options;
              options.environment = {{"https_proxy", "http://p"}, {"OS_TOKEN", "t"}};
              settle_environment(options);
              const bool wiped = *value == '\0' && ::getenv("OS_PASSWORD") == nullptr;
              const bool kept = ::getenv("OS_USERNAME") != nullptr;
              const bool set = std::string(::getenv("https_proxy")) == "http://p";
              return seen && wiped && kept && set && ::getenv("OS_TOKEN") == nullptr ? 0 : 1;
            }),
            0);
}

}  // namespace
}  // namespace glancefs::fs
