#include "base/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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

TEST_F(Log, AsJsonEachLineIsAnObject) {
  log::open(file_, log::Level::kInfo, log::Format::kJson);
  log::write(log::Level::kError, "no\nway", {.request_id = "req-1", .image = {}, .error = 5});
  EXPECT_THAT(text(), HasSubstr(R"("level":"error","message":"no\u000away","request_id":"req-1",)"
                                R"("errno":5})"
                                "\n"));
}

TEST_F(Log, AFileThatWasRenamedIsMadeAnew) {
  log::open(file_, log::Level::kInfo);
  log::info("before");
  ASSERT_EQ(::rename(file_.c_str(), (file_ + ".1").c_str()), 0);
  log::info("still the old one");
  log::reopen();
  log::info("after");
  EXPECT_THAT(text(), HasSubstr("after"));
  EXPECT_THAT(text(), Not(HasSubstr("old one")));
}

TEST_F(Log, WhereTheFileCannotBeMadeAnewTheOldOneSaysSo) {
  const std::string place = directory_ / "place";
  ASSERT_EQ(::mkdir(place.c_str(), 0700), 0);
  file_ = place + "/log";
  log::open(file_, log::Level::kInfo);
  const std::string moved = directory_ / "moved";
  ASSERT_EQ(::rename(place.c_str(), moved.c_str()), 0);
  log::reopen();
  log::info("goes on");
  file_ = moved + "/log";
  EXPECT_THAT(text(), HasSubstr("No such file or directory"));
  EXPECT_THAT(text(), HasSubstr("goes on"));
}

// A journald of the test's own.
class LogToJournal : public Log {
 protected:
  Fd listen() {
    Fd socket = checked_fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    ::unlink(path_.c_str());
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw_errno(errno, "bind");
    }
    return socket;
  }
  static std::string received(const Fd& socket) {
    std::string bytes(65536, '\0');
    const ssize_t size = ::recv(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return bytes;
  }
  const std::string path_ = directory_ / "journal";
};

TEST_F(LogToJournal, EachLineIsADatagram) {
  const Fd journal = listen();
  log::open("journal:" + path_, log::Level::kInfo);
  log::write(log::Level::kError, "it is down", {.request_id = "req-7", .image = {}, .error = 5});
  EXPECT_EQ(received(journal),
            "MESSAGE=it is down\nPRIORITY=3\nSYSLOG_IDENTIFIER=glancefs\nERRNO=5\n"
            "GLANCEFS_REQUEST_ID=req-7\n");
  log::debug("not this");
  EXPECT_EQ(received(journal), "");
}

TEST_F(LogToJournal, IsFoundAgainWhenItIsBack) {
  Fd journal = listen();
  log::open("journal:" + path_, log::Level::kInfo);
  journal.reset();
  log::info("nobody is there");
  journal = listen();
  log::info("back");
  EXPECT_THAT(received(journal), HasSubstr("MESSAGE=1 lines of the log found no room\n"));
  EXPECT_THAT(received(journal), HasSubstr("MESSAGE=back\n"));
}

TEST_F(LogToJournal, OneThatIsFullHoldsUpNobody) {
  const Fd journal = listen();
  log::open("journal:" + path_, log::Level::kInfo);
  for (int i = 0; i < 4000; ++i) log::info("line {}", i);
  EXPECT_THAT(received(journal), HasSubstr("MESSAGE=line 0\n"));
}

TEST_F(LogToJournal, OneThatIsNotThereIsAnError) {
  log::open(file_, log::Level::kInfo);
  EXPECT_THROW(log::open("journal:" + path_, log::Level::kInfo), std::system_error);
  log::info("still here");
  EXPECT_THAT(text(), HasSubstr("still here"));
}

}  // namespace
}  // namespace glancefs
