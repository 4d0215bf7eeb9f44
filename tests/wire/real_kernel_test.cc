// The binding under the real kernel: what Linux makes of the answers, and of operations left out.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "base/fd.h"
#include "fs/executor.h"
#include "fs/fuse_session.h"
#include "fs/fuse_signals.h"
#include "tests/support/temporary_directory.h"
#include "tests/wire/fake_filesystem.h"

namespace glancefs::test {
namespace {

using std::chrono::milliseconds;

constexpr fs::NodeId kFirst = 1000;
constexpr fs::NodeId kFiles = 1000;
constexpr std::uint64_t kSize = 1 << 20;

class NoHandle : public fs::Handle {};

// One directory of 1000 files whose reads wait until the test answers.
class RealKernelTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/dev/fuse", R_OK | W_OK) != 0 || ::geteuid() != 0) {
      GTEST_SKIP() << "mounting needs /dev/fuse and root";
    }
    fake.attributes = attributes;
    fake.attributes_valid = milliseconds(60000);
    fake.find = [](fs::NodeId, std::string_view name) {
      fs::Entry entry;
      if (name.size() != 5 || !name.starts_with('f')) return std::optional(entry);
      entry.node = std::stoul(std::string(name.substr(1)));
      entry.attributes = attributes(entry.node);
      entry.valid = milliseconds(60000);
      return std::optional(entry);
    };
    fake.list = [](fs::NodeId) {
      std::vector<fs::DirectoryEntry> entries;
      for (fs::NodeId node = kFirst; node < kFirst + kFiles; ++node) {
        entries.push_back({"f" + std::to_string(node), node});
      }
      return entries;
    };
    fake.open = [](auto, auto, auto) {
      return fs::Opened{.handle = std::make_unique<NoHandle>(), .keep_cache = true};
    };
    fake.read = [this](auto, auto, std::unique_ptr<fs::PendingRead> reader) {
      park.add(std::move(reader));
    };
    fake.flush = [](auto, auto) {};
    mount({});
  }

  ~RealKernelTest() override {
    stop();
    ::umount2(directory.path().c_str(), MNT_DETACH);  // in case that a test has failed half-way
  }

  static fs::Attributes attributes(fs::NodeId node) {
    fs::Attributes result;
    result.node = node;
    result.mode = node == fs::kRootNode ? S_IFDIR | 0755 : S_IFREG | 0644;
    result.size = node == fs::kRootNode ? 0 : kSize;
    return result;
  }

  void mount(const std::vector<std::string>& options) {
    session = std::make_unique<fs::FuseSession>(
        *files, metadata, transfers,
        fs::MountConfig{.directory = directory.path(), .source = "my,cloud", .options = options});
    session->mount();
    std::promise<void> ready;
    loop = std::thread([this, &ready] { session->run([&] { ready.set_value(); }); });
    ready.get_future().wait();
  }

  void stop() {
    if (!loop.joinable()) return;
    session->request_exit();
    loop.join();
    session.reset();
  }

  // Its line of mountinfo; empty: not mounted.
  std::string mounted() const {
    std::ifstream table("/proc/self/mountinfo");
    for (std::string line; std::getline(table, line);) {
      if (line.find(" " + directory.path() + " ") != std::string::npos) return line;
    }
    return {};
  }

  std::string file() const { return directory / "f1000"; }
  int shell(const std::string& line) const {
    return std::system(("cd " + directory.path() + " && { " + line + "; }").c_str());
  }

  TemporaryDirectory directory;
  FakeFiles fake;
  ReadPark park;
  std::unique_ptr<fs::Filesystem> files = make_fake_filesystem(fake);
  fs::Executor metadata{4}, transfers{4};
  std::unique_ptr<fs::FuseSession> session;
  std::thread loop;
};

TEST_F(RealKernelTest, TheMountTableShowsWhatIsMounted) {
  const std::string line = mounted();
  EXPECT_THAT(line, testing::HasSubstr(" - fuse.glancefs my,cloud "));
  EXPECT_THAT(line, testing::HasSubstr("nosuid,nodev"));
  EXPECT_THAT(line, testing::HasSubstr("default_permissions"));
}

TEST_F(RealKernelTest, ListingsAreComplete) {
  EXPECT_EQ(shell("test $(ls | wc -l) = 1000"), 0);
  EXPECT_EQ(shell("test $(ls -l | grep -c ' 1048576 .* f') = 1000"), 0);
  EXPECT_EQ(shell("test $(find . -type f | wc -l) = 1000"), 0);
}

TEST_F(RealKernelTest, WhatIsLeftOutTheKernelAnswers) {
  const Fd fd = checked_fd(::open(file().c_str(), O_RDWR), "open");
  EXPECT_EQ(::fallocate(fd.get(), 0, 0, 4096), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  int number = 0;
  EXPECT_EQ(::ioctl(fd.get(), FIGETBSZ, &number), 0);
  EXPECT_EQ(::ioctl(fd.get(), TIOCGWINSZ, &number), -1);
  EXPECT_EQ(errno, ENOTTY);
  EXPECT_EQ(::lseek(fd.get(), 0, SEEK_HOLE), static_cast<off_t>(kSize));
  EXPECT_EQ(::lseek(fd.get(), 100, SEEK_DATA), 100);
  EXPECT_EQ(::lseek(fd.get(), static_cast<off_t>(kSize), SEEK_DATA), -1);
  EXPECT_EQ(errno, ENXIO);
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
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    const fs::ExitSignals signals([this] { session->request_exit(); });
    ::raise(number);
    loop.join();
    session.reset();
    EXPECT_EQ(mounted(), "");
    mount({});
  }
}

TEST_F(RealKernelTest, WhatCannotBeMountedSaysWhy) {
  fs::FuseSession other(
      *files, metadata, transfers,
      fs::MountConfig{.directory = directory / "nowhere", .source = "x", .options = {}});
  try {
    other.mount();
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("nowhere"));
  }
  try {
    fs::FuseSession odd(*files, metadata, transfers,
                        fs::MountConfig{.directory = "/x", .source = "x", .options = {"odd=1"}});
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EINVAL);
    EXPECT_THAT(error.what(), testing::HasSubstr("odd=1"));
  }
}

}  // namespace
}  // namespace glancefs::test
