// The binding under the real kernel: what Linux makes of the answers, and of operations left out.
#include "tests/wire/real_kernel.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <csignal>

#include "base/fd.h"
#include "fs/fuse/signals.h"

namespace glancefs::test {
namespace {

TEST_F(RealKernelTest, TheMountTableShowsWhatIsMounted) {
  const std::string line = mounted();
  EXPECT_THAT(line, testing::HasSubstr(" - fuse.glancefs my,cloud "));
  EXPECT_THAT(line, testing::HasSubstr("nosuid,nodev"));
  EXPECT_THAT(line, testing::HasSubstr("default_permissions"));
}

// Who calls mount(2), libfuse or we, makes no difference to see.
TEST_F(RealKernelTest, TheMountTableIsTheSameWithoutPassthrough) {
  const std::vector<std::string> options{"allow_root", "default_permissions"};
  const auto remounted = [&](bool passthrough) {
    stop();
    mount(options, passthrough);
    const std::string line = mounted();
    return line.substr(line.find(" " + directory.path() + " "));
  };
  const std::string ours = remounted(true);
  EXPECT_THAT(ours, testing::HasSubstr("allow_other"));
  EXPECT_EQ(ours, remounted(false));
  EXPECT_EQ(fake.read_mode(), "by the daemon: switched off");
}

TEST_F(RealKernelTest, FlagsOfMountReachTheKernel) {
  stop();
  flags = MS_RDONLY | MS_NOEXEC | MS_NOATIME;
  mount({"allow_root"});
  EXPECT_THAT(mounted(), testing::HasSubstr(" ro,nosuid,nodev,noexec,noatime"));
  EXPECT_THAT(mounted(), testing::HasSubstr("allow_other"));
}

TEST_F(RealKernelTest, WhatOthersHaveMountedSinceIsLeftAlone) {
  ASSERT_EQ(::umount2(directory.path().c_str(), 0), 0);
  loop.join();
  ASSERT_EQ(::mount("none", directory.path().c_str(), "tmpfs", 0, nullptr), 0);
  session.reset();
  EXPECT_THAT(mounted(), testing::HasSubstr(" - tmpfs "));
}

TEST_F(RealKernelTest, ListingsAreComplete) {
  EXPECT_EQ(shell("test $(ls | wc -l) = 1000"), 0);
  EXPECT_EQ(shell("test $(ls -l | grep -c ' 1048576 .* f') = 1000"), 0);
  EXPECT_EQ(shell("test $(find . -type f | wc -l) = 1000"), 0);
}

TEST_F(RealKernelTest, WhatIsLeftOutTheKernelAnswers) {
  const Fd fd = checked_fd(::open(file().c_str(), O_RDWR), "open");
  EXPECT_EQ(::fallocate(fd.get(), FALLOC_FL_COLLAPSE_RANGE, 0, 4096), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  int number = 0;
  EXPECT_EQ(::ioctl(fd.get(), FIGETBSZ, &number), 0);
  EXPECT_EQ(::ioctl(fd.get(), TIOCGWINSZ, &number), -1);
  EXPECT_EQ(errno, ENOTTY);
  EXPECT_EQ(::lseek(fd.get(), -10, SEEK_END), static_cast<off_t>(kSize) - 10);
  EXPECT_EQ(::flock(fd.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(::access(file().c_str(), R_OK), 0);
}

TEST_F(RealKernelTest, OtherNamespacesOfAttributesAreEmpty) {
  char value = 0;
  EXPECT_EQ(::getxattr(file().c_str(), "security.capability", &value, 1), -1);
  EXPECT_EQ(errno, ENODATA);
  EXPECT_EQ(::getxattr(file().c_str(), "system.posix_acl_access", &value, 1), -1);
  EXPECT_EQ(errno, ENOTSUP);
}

// A request costs the same whatever its size: larger ones than the kernel's usual 128 KiB.
TEST_F(RealKernelTest, SequentialReadsComeInLargePieces) {
  std::atomic<std::size_t> largest = 0;
  fake.read = [&](std::uint64_t offset, std::size_t size, std::unique_ptr<fs::PendingRead> reader) {
    largest = std::max(largest.load(), size);
    reader->done(std::vector<std::byte>(std::min<std::size_t>(size, kSize - offset)));
  };
  EXPECT_EQ(shell("cat f1000 f1001 > /dev/null"), 0);
  EXPECT_GT(largest, 256U * 1024);
  stop();  // its answers are made of what this function holds
}

TEST_F(RealKernelTest, ASignalFreesAReaderAtOnce) {
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::_exit(::pread(::open(file().c_str(), O_RDONLY), &byte, 1, 0) == 1 ? 0 : 1);
  }
  park.wait_for(1);
  const auto start = std::chrono::steady_clock::now();
  ::kill(child, SIGKILL);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(RealKernelTest, UnmountingEndsTheLoop) {
  ASSERT_EQ(::umount2(directory.path().c_str(), 0), 0);
  loop.join();
  session.reset();
}

TEST_F(RealKernelTest, ExitUnmountsAlsoWhileAFileIsOpen) {
  const Fd fd = checked_fd(::open(file().c_str(), O_RDONLY), "open");
  stop();
  EXPECT_EQ(mounted(), "");
  char byte = 0;
  EXPECT_EQ(::pread(fd.get(), &byte, 1, 0), -1);
}

TEST_F(RealKernelTest, SignalsEndTheLoop) {
  for (const int number : {SIGTERM, SIGINT}) {
    const fs::Signals signals(
        {.end = [this] { session->request_exit(); }, .reload = {}, .report = {}});
    ::raise(number);
    loop.join();
    session.reset();
    EXPECT_EQ(mounted(), "");
    mount({});
  }
}

TEST_F(RealKernelTest, WhatCannotBeMountedSaysWhy) {
  fs::FuseSession other(
      *files, metadata, transfers, counters,
      fs::MountConfig{.directory = directory / "nowhere", .source = "x", .options = {}});
  try {
    other.mount();
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("nowhere"));
  }
  try {
    fs::FuseSession odd(*files, metadata, transfers, counters,
                        fs::MountConfig{.directory = "/x", .source = "x", .options = {"odd=1"}});
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EINVAL);
    EXPECT_THAT(error.what(), testing::HasSubstr("odd=1"));
  }
}

}  // namespace
}  // namespace glancefs::test
