#include "base/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>
#include <system_error>

#include "base/fd.h"
#include "tests/support/temporary_directory.h"

namespace glancefs {
namespace {

using testing::HasSubstr;
using testing::Not;

class Log : public testing::Test {
 protected:
  ~Log() override { log::open("stderr", log::Level::kWarning); }
  std::string text() const {
    std::ostringstream content;
    content << std::ifstream(file_).rdbuf();
    return content.str();
  }

  test::TemporaryDirectory directory_;
  std::string file_ = directory_ / "log";
};

TEST_F(Log, WritesFromItsLevelOn) {
  log::open(file_, log::Level::kInfo);
  log::info("image {} is here", 7);
  log::debug("not this");
  EXPECT_THAT(text(), HasSubstr("info    image 7 is here\n"));
  EXPECT_THAT(text(), Not(HasSubstr("not this")));
}

TEST_F(Log, StrangersTextsForgeNoLines) {
  log::open(file_, log::Level::kInfo);
  log::info("name {}", "a\n2026-01-01 error forged\x1b[31m");
  EXPECT_THAT(text(), HasSubstr("a\\x0a2026-01-01 error forged\\x1b[31m\n"));
}

TEST_F(Log, TheFileIsPrivate) {
  log::open(file_, log::Level::kInfo);
  struct stat status {};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

// `glancefs --foreground 2>&1 | something` that has stopped reading.
TEST_F(Log, APipeThatNobodyEmptiesHoldsUpNobody) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd in(ends[0]), kept(::dup(STDERR_FILENO));
  ASSERT_GE(::dup2(ends[1], STDERR_FILENO), 0);
  ::close(ends[1]);
  log::open("stderr", log::Level::kInfo);
  constexpr int kMore = 4000;  // than a pipe takes
  for (int i = 0; i < kMore; ++i) log::info("line {} of many", i);
  std::string bytes(1 << 20, '\0');
  bytes.resize(static_cast<std::size_t>(::read(in.get(), bytes.data(), bytes.size())));
  EXPECT_THAT(bytes, HasSubstr("line 0 of many\n"));
  EXPECT_THAT(bytes, Not(HasSubstr(fmt::format("line {} of many", kMore - 1))));
  log::info("there is room again");
  bytes.resize(1 << 20);
  bytes.resize(static_cast<std::size_t>(::read(in.get(), bytes.data(), bytes.size())));
  ::dup2(kept.get(), STDERR_FILENO);
  EXPECT_THAT(bytes, HasSubstr("lines of the log found no room\n"));
  EXPECT_THAT(bytes, HasSubstr("there is room again\n"));
}

TEST_F(Log, AFileThatCannotBeOpenedIsAnErrorAndTheOldSinkStays) {
  log::open(file_, log::Level::kInfo);
  EXPECT_THROW(log::open(directory_ / "no/such/place", log::Level::kInfo), std::system_error);
  log::info("still here");
  EXPECT_THAT(text(), HasSubstr("still here"));
}

}  // namespace
}  // namespace glancefs
