#include "cache/private_directory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/temporary_directory.h"

namespace glancefs::cache {
namespace {

using ::testing::HasSubstr;

/// What opening `path` throws; success is an empty text.
std::pair<int, std::string> failure_of(const std::string& path) {
  try {
    PrivateDirectory::open(path);
    return {};
  } catch (const std::system_error& error) {
    return {error.code().value(), error.what()};
  }
}

TEST(PrivateDirectory, IsMadeWithItsParentsForThisUserAlone) {
  const test::TemporaryDirectory top;
  const auto directory = PrivateDirectory::open(top / "a/b/c");
  for (const char* made : {"a", "a/b", "a/b/c"}) {
    struct stat status {};
    ASSERT_EQ(::stat((top / made).c_str(), &status), 0) << made;
    EXPECT_EQ(status.st_mode & 07777U, 0700U) << made;
  }
  EXPECT_EQ(directory.path(), top / "a/b/c");
}

TEST(PrivateDirectory, RefusesOneThatOthersMayWrite) {
  const test::TemporaryDirectory top;
  std::filesystem::create_directory(top / "open");
  ::chmod((top / "open").c_str(), 0770);
  const auto [error, text] = failure_of(top / "open");
  EXPECT_EQ(error, EACCES);
  EXPECT_THAT(text, HasSubstr("writable by other users"));
  EXPECT_THAT(text, HasSubstr(top / "open"));
}

TEST(PrivateDirectory, RefusesLinksAndFiles) {
  const test::TemporaryDirectory top;
  std::filesystem::create_directory(top / "real");
  std::filesystem::create_directory_symlink(top / "real", top / "link");
  EXPECT_EQ(failure_of(top / "link").first, EACCES);
  EXPECT_THAT(failure_of(top / "link").second, HasSubstr("symbolic link"));
  const Fd file(::open((top / "file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  EXPECT_NE(failure_of(top / "file").first, 0);
}

TEST(PrivateDirectory, RefusesOneOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a directory of another user";
  const test::TemporaryDirectory top;
  std::filesystem::create_directory(top / "theirs");
  ::chmod((top / "theirs").c_str(), 0700);
  ASSERT_EQ(::chown((top / "theirs").c_str(), 12345, 12345), 0);
  EXPECT_EQ(failure_of(top / "theirs").first, EACCES);
  EXPECT_THAT(failure_of(top / "theirs").second, HasSubstr("uid 12345"));
}

TEST(PrivateDirectory, OpensOnlyRegularFilesOfOurs) {
  const test::TemporaryDirectory top;
  const auto directory = PrivateDirectory::open(top.path());
  EXPECT_FALSE(directory.open_file("absent", O_RDWR));
  EXPECT_TRUE(directory.open_file("file", O_RDWR | O_CREAT));
  std::filesystem::create_symlink(top / "file", top / "link");
  EXPECT_THROW(directory.open_file("link", O_RDWR), std::system_error);
  ASSERT_EQ(::mkfifo((top / "fifo").c_str(), 0600), 0);
  EXPECT_THROW(directory.open_file("fifo", O_RDWR), std::system_error);  // and does not wait
}

TEST(PrivateDirectory, TellsAFileFromItsReplacement) {
  const test::TemporaryDirectory top;
  const auto directory = PrivateDirectory::open(top.path());
  const Fd first = directory.open_file("file", O_RDWR | O_CREAT);
  EXPECT_TRUE(directory.is_same("file", first));
  EXPECT_TRUE(directory.remove("file"));
  EXPECT_TRUE(directory.remove("file"));  // absent already
  EXPECT_FALSE(directory.is_same("file", first));
  const Fd second = directory.open_file("file", O_RDWR | O_CREAT);
  EXPECT_FALSE(directory.is_same("file", first));
}

TEST(TryLock, KeepsOthersOutUntilTheFileIsClosed) {
  const test::TemporaryDirectory top;
  const auto directory = PrivateDirectory::open(top.path());
  Fd first = directory.open_file("file", O_RDWR | O_CREAT);
  const Fd second = directory.open_file("file", O_RDWR);
  EXPECT_TRUE(try_lock(first, false));
  EXPECT_FALSE(try_lock(second, false));
  EXPECT_FALSE(try_lock(second, true));
  first.reset();
  EXPECT_TRUE(try_lock(second, true));
  const Fd third = directory.open_file("file", O_RDWR);
  EXPECT_TRUE(try_lock(third, true));
}

}  // namespace
}  // namespace glancefs::cache
