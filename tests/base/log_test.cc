#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <system_error>

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

TEST_F(Log, AFileThatCannotBeOpenedIsAnErrorAndTheOldSinkStays) {
  log::open(file_, log::Level::kInfo);
  EXPECT_THROW(log::open(directory_ / "no/such/place", log::Level::kInfo), std::system_error);
  log::info("still here");
  EXPECT_THAT(text(), HasSubstr("still here"));
}

}  // namespace
}  // namespace glancefs
