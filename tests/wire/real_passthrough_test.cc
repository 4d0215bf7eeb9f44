// Passthrough under the real kernel: bytes are right however they are read, and none of the reads
// comes to the daemon. Skipped before Linux 6.9.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

#include "base/fd.h"
#include "tests/wire/real_kernel.h"

namespace glancefs::test {
namespace {

// Every file of the mount has the bytes of one file on disk.
class RealPassthroughTest : public RealKernelTest {
 protected:
  void SetUp() override {
    RealKernelTest::SetUp();
    if (IsSkipped()) return;
    if (fake.read_mode() != "by the kernel (passthrough)") {
      GTEST_SKIP() << "reads are " << fake.read_mode();
    }
    for (std::uint64_t i = 0; bytes.size() < kSize; ++i) bytes += std::to_string(i) + ".";
    bytes.resize(kSize);
    std::ofstream(data.path() + "/data", std::ios::binary) << bytes;
    backing = std::make_shared<Fd>(
        checked_fd(::open((data / "data").c_str(), O_RDONLY | O_CLOEXEC), "open"));
    fake.open = [this](auto, auto, auto) {
      fs::Opened opened{.handle = std::make_unique<NoHandle>()};
      opened.keep_cache = true;
      if (sealed) opened.file = backing;
      return opened;
    };
    fake.read = [this](std::uint64_t offset, std::size_t size,
                       std::unique_ptr<fs::PendingRead> reader) {
      ++reads;
      reader->done(std::as_bytes(std::span(std::string_view(bytes).substr(offset, size))));
    };
  }

  Fd open_file(int how = O_RDONLY) const {
    return checked_fd(::open(file().c_str(), how | O_CLOEXEC), "open");
  }
  static std::string all_of(const Fd& fd) {
    std::string got(2 * kSize, '\0');
    std::size_t size = 0;
    while (true) {
      const ssize_t more =
          ::pread(fd.get(), got.data() + size, got.size() - size, static_cast<off_t>(size));
      if (more <= 0) break;
      size += static_cast<std::size_t>(more);
    }
    got.resize(size);
    return got;
  }

  TemporaryDirectory data;
  std::string bytes;
  std::shared_ptr<const Fd> backing;
  std::atomic<bool> sealed = true;
  std::atomic<int> reads = 0;
};

TEST_F(RealPassthroughTest, ReadsDoNotComeToTheDaemon) {
  const Fd first = open_file();
  const Fd second = open_file();
  EXPECT_EQ(all_of(first), bytes);
  EXPECT_EQ(all_of(second), bytes);
  EXPECT_EQ(::lseek(first.get(), 0, SEEK_END), static_cast<off_t>(kSize));
  EXPECT_EQ(shell("cmp f1000 f1001 && tail -c 100 f1002 | cmp -i 0:1048476 - f1000"), 0)
      << "also those of other programs";
  EXPECT_EQ(reads, 0);
}

TEST_F(RealPassthroughTest, WhileOneOpenGoesThroughThePageCacheAllDo) {
  sealed = false;
  Fd first = open_file();
  EXPECT_EQ(all_of(first), bytes);
  EXPECT_GT(reads, 0);
  sealed = true;
  Fd second = open_file();
  EXPECT_EQ(all_of(second), bytes);
  first.reset();
  second.reset();
  // The kernel sends RELEASE without waiting for it to be answered, or even read.
  for (int i = 0; i < 100; ++i) {
    reads = 0;
    const Fd third = open_file();
    EXPECT_EQ(all_of(third), bytes);
    ASSERT_EQ(::posix_fadvise(third.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    EXPECT_EQ(all_of(third), bytes);
    if (reads == 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(reads, 0);
  sealed = false;
  const Fd fourth = open_file();
  const Fd fifth = open_file();
  EXPECT_EQ(all_of(fifth), bytes);
}

TEST_F(RealPassthroughTest, MappingsAreOfTheFileItself) {
  const Fd fd = open_file();
  void* mapped = ::mmap(nullptr, kSize, PROT_READ, MAP_SHARED, fd.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  EXPECT_EQ(std::string(static_cast<const char*>(mapped), kSize), bytes);
  ::munmap(mapped, kSize);
  EXPECT_EQ(reads, 0);
}

TEST_F(RealPassthroughTest, DirectReads) {
  constexpr std::size_t kPage = 4096;
  const Fd fd = open_file(O_RDONLY | O_DIRECT);
  const std::unique_ptr<void, decltype(&std::free)> page(std::aligned_alloc(kPage, kPage),
                                                         &std::free);
  ASSERT_EQ(::pread(fd.get(), page.get(), kPage, 16 * kPage), static_cast<ssize_t>(kPage));
  EXPECT_EQ(std::string_view(static_cast<const char*>(page.get()), kPage),
            std::string_view(bytes).substr(16 * kPage, kPage));
  EXPECT_EQ(reads, 0);
}

TEST_F(RealPassthroughTest, SendfileAndSplice) {
  const Fd fd = open_file();
  const Fd copy = checked_fd(::open((data / "copy").c_str(), O_RDWR | O_CREAT, 0600), "open");
  while (::sendfile(copy.get(), fd.get(), nullptr, kSize) > 0) {
  }
  EXPECT_EQ(all_of(copy), bytes);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Fd out(ends[0]);
  const Fd in(ends[1]);
  off64_t offset = 12345;
  ASSERT_EQ(::splice(fd.get(), &offset, in.get(), nullptr, 1000, 0), 1000);
  std::string got(1000, '\0');
  ASSERT_EQ(::read(out.get(), got.data(), got.size()), 1000);
  EXPECT_EQ(got, bytes.substr(12345, 1000));
  EXPECT_EQ(reads, 0);
}

TEST_F(RealPassthroughTest, AFileThatIsRemovedIsReadToItsEnd) {
  fake.unlink = [](auto, auto) {};
  const Fd fd = open_file();
  ASSERT_EQ(::unlink((data / "data").c_str()), 0);  // as the cache does when it needs room
  ASSERT_EQ(::unlink(file().c_str()), 0);           // and as users do
  EXPECT_EQ(all_of(fd), bytes);
  EXPECT_EQ(reads, 0);
}

TEST_F(RealPassthroughTest, WithoutItEverythingComesToTheDaemon) {
  stop();
  mount({}, false);
  const Fd fd = open_file();
  EXPECT_EQ(all_of(fd), bytes);
  EXPECT_GT(reads, 0);
}

}  // namespace
}  // namespace glancefs::test
