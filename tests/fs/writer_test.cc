// Whether the process that writes a file was killed.
#include "fs/write/writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/temporary_directory.h"

namespace glancefs::fs {
namespace {

pid_t start(bool waits) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  if (waits) ::pause();
  ::_exit(1);
}

// It has ended, and its parent has not taken note of it.
void wait_for_end(pid_t child) {
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
}

TEST(Writer, NobodyWasKilled) {
  EXPECT_FALSE(Writer().killed());
  EXPECT_FALSE(Writer(::getpid()).killed());
}

TEST(Writer, KnowsWhetherASignalEndedIt) {
  for (const bool killed : {false, true}) {
    const pid_t child = start(killed);
    const Writer writer(child);
    if (killed) ::kill(child, SIGINT);
    wait_for_end(child);
    EXPECT_EQ(writer.killed(), killed);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  }
}

TEST(Writer, WritesOnWhatItHasOpenForWriting) {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "file";
  Fd writing(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  struct stat status {};
  ASSERT_EQ(::fstat(writing.get(), &status), 0);
  EXPECT_TRUE(writes_on(::getpid(), status.st_ino));
  EXPECT_FALSE(writes_on(::getpid(), status.st_ino + 1));
  const Fd reading(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  writing.reset();
  EXPECT_FALSE(writes_on(::getpid(), status.st_ino)) << "reading does not count";
}

TEST(Writer, RemembersItWhereTheKernelDoes) {
  const pid_t child = start(true);
  const Writer writer(child);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  if (!writer.killed()) GTEST_SKIP() << "Linux 6.15 is the first that keeps it";
}

}  // namespace
}  // namespace glancefs::fs
