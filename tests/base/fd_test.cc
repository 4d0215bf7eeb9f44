#include "base/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace glancefs {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

TEST(Fd, ClosesOnceAndMoves) {
  int number = -1;
  {
    Fd first = checked_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null");
    number = first.get();
    Fd second = std::move(first);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that is what is tested
    EXPECT_EQ(second.get(), number);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Fd, AssignmentClosesTheOldOne) {
  Fd fd = checked_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null");
  const int old = fd.get();
  fd = Fd();
  EXPECT_FALSE(is_open(old));
}

TEST(Fd, FailureCarriesErrnoAndText) {
  try {
    checked_fd(::open("/does/not/exist", O_RDONLY | O_CLOEXEC), "the file");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOENT);
    EXPECT_EQ(std::string(error.what()).find("the file"), 0U);
  }
}

}  // namespace
}  // namespace glancefs
