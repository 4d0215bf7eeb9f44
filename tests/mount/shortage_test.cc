// The machine runs short: of descriptors, or of bytes that a mapping was promised.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>

#include "base/fd.h"
#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using Shortage = MountedCloud;

std::size_t descriptors_of(int pid) {
  const auto directory = "/proc/" + std::to_string(pid) + "/fd";
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(directory), {}));
}

void limit_descriptors(int pid, rlim_t most) {
  const rlimit limit{most, 4096};
  ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr), 0);
}

TEST_F(Shortage, OfDescriptorsFailsWhatNeedsThemAndNothingElse) {
  constexpr int kImages = 40;
  const std::string data = pattern(100'000);
  for (int i = 0; i < kImages; ++i) add("i" + std::to_string(i), data + std::to_string(i));
  mount("connections=2");
  EXPECT_EQ(out("cat $M/private/i0"), data + "0");
  const std::size_t before = descriptors_of(daemon_->pid());
  limit_descriptors(daemon_->pid(), before + 6);
  {
    std::vector<Fd> held;
    int served = 0;
    for (int i = 1; i < kImages; ++i) {
      const std::string path = mount_point_ + "/private/i" + std::to_string(i);
      held.emplace_back(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!held.back()) {
        ASSERT_THAT(errno, testing::AnyOf(EMFILE, ENFILE, EIO)) << i << daemon_->output();
        continue;
      }
      std::string got(data.size() + 10, '\0');
      const ssize_t length = ::pread(held.back().get(), got.data(), got.size(), 0);
      if (length < 0) continue;  // an error, and no wrong bytes
      got.resize(static_cast<std::size_t>(length));
      EXPECT_EQ(got, data + std::to_string(i));
      ++served;
    }
    EXPECT_GT(served, 0);
    EXPECT_EQ(out("ls $M/private | wc -l"), std::to_string(kImages));
  }
  limit_descriptors(daemon_->pid(), 4096);
  for (int i = 0; i < kImages; ++i) {
    EXPECT_EQ(out("cat $M/private/i" + std::to_string(i)), data + std::to_string(i));
  }
  // Releases are answered before they are done, and the cloud hears nothing of their end.
  EXPECT_EQ(sh("until [ $(ls /proc/" + std::to_string(daemon_->pid()) + "/fd | wc -l) -le " +
               std::to_string(before + 2) + " ]; do sleep 0.02; done")
                .code,
            0)
      << "nothing leaks: " << descriptors_of(daemon_->pid()) << ", before " << before;
}

TEST_F(Shortage, OfMappedBytesIsASignalAndNoZeros) {
  cloud_.erase_data(add("a", pattern(100'000)));
  mount();
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGBUS, SIG_DFL);  // sanitizers catch it
    const int fd = ::open((mount_point_ + "/private/a").c_str(), O_RDONLY);
    const void* mapped = ::mmap(nullptr, 100'000, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) ::_exit(2);
    ::_exit(*static_cast<const volatile char*>(mapped));
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) << status;
}

}  // namespace
}  // namespace glancefs::mount_test
