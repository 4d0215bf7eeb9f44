#include "fs/service/socket_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <optional>

#include "fs/service/line.h"
#include "fs/service/socket_place.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::fs {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class SocketServerTest : public testing::Test {
 protected:
  Fd connect() const {
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = socket_address(path_);
    const int result =
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return result == 0 ? std::move(socket) : Fd();
  }
  static std::optional<std::string> answer(const Fd& socket) {
    return read_line(socket, 1000, std::chrono::steady_clock::now() + std::chrono::seconds(20), -1);
  }
  static std::optional<std::string> ask(const Fd& socket, const std::string& line) {
    write_line(socket, line, std::chrono::steady_clock::now() + std::chrono::seconds(20), -1);
    return answer(socket);
  }
  static std::string echo(const std::string& line, const std::stop_token& /*stop*/) {
    return "<" + line + ">";
  }

  test::TemporaryDirectory directory_;
  const std::string path_ = directory_ / "7.sock";
};

TEST_F(SocketServerTest, AnswersOneLineWithOneLine) {
  const SocketServer server(path_, ::geteuid(), echo);
  EXPECT_EQ(ask(connect(), "one"), "<one>");
  EXPECT_EQ(ask(connect(), "two\nthree"), "<two>");
}

TEST_F(SocketServerTest, TheSocketIsTheOwnersAndGoesWithTheServer) {
  {
    const SocketServer server(path_, ::geteuid(), echo);
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SocketServerTest, TakesThePlaceOfADeadOne) {
  {
    const Fd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = socket_address(path_);
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ASSERT_FALSE(connect());
  const SocketServer server(path_, ::geteuid(), echo);
  EXPECT_EQ(ask(connect(), "one"), "<one>");
}

TEST_F(SocketServerTest, LeavesTheSocketOfTheNextOneAlone) {
  std::optional<SocketServer> first;
  first.emplace(path_, ::geteuid(), echo);
  const SocketServer second(path_, ::geteuid(), echo);
  first.reset();
  EXPECT_EQ(ask(connect(), "one"), "<one>");
}

TEST_F(SocketServerTest, WhoSaysNothingOrTooMuchIsLetGo) {
  const SocketServer server(path_, ::geteuid(), echo,
                            {.clients = 4, .request = 100, .patience = milliseconds(50)});
  EXPECT_EQ(answer(connect()), std::nullopt);
  EXPECT_THAT(ask(connect(), std::string(200, 'x')).value_or(""), HasSubstr("too long"));
}

TEST_F(SocketServerTest, NoMoreClientsThanAgreed) {
  const SocketServer server(path_, ::geteuid(), echo, {.clients = 2});
  Fd first = connect();
  Fd second = connect();
  EXPECT_THAT(answer(connect()).value_or(""), HasSubstr("too many"));
  EXPECT_EQ(ask(first, "one"), "<one>");
  EXPECT_EQ(ask(second, "two"), "<two>");
}

TEST_F(SocketServerTest, ItsEndStopsWhatWaits) {
  std::promise<void> asked;
  std::optional<SocketServer> server;
  server.emplace(path_, ::geteuid(), [&](const std::string& line, const std::stop_token& stop) {
    std::promise<void> stopped;
    const std::stop_callback tell(stop, [&] { stopped.set_value(); });
    asked.set_value();
    stopped.get_future().wait();
    return line;
  });
  const Fd silent = connect();
  const Fd waiting = connect();
  write_line(waiting, "one", std::chrono::steady_clock::now() + std::chrono::seconds(20), -1);
  asked.get_future().wait();
  server.reset();  // returns, that is
  EXPECT_EQ(answer(silent), std::nullopt);
}

TEST_F(SocketServerTest, APathThatIsTooLongIsRefused) {
  EXPECT_THROW(SocketServer(directory_ / std::string(200, 'x'), ::geteuid(), echo),
               std::system_error);
}

TEST(SocketPlace, FollowsTheOwnerOfTheMount) {
  using testing::ElementsAre;
  EXPECT_EQ(socket_path("/run/glancefs", 53), "/run/glancefs/53.sock");
  EXPECT_THAT(runtime_directories(0, 0, "/run/own"), ElementsAre("/run/own", "/run/glancefs"));
  EXPECT_THAT(runtime_directories(1000, 0, "/run/own"),
              ElementsAre("/run/user/1000/glancefs", "/tmp/glancefs-1000"));
  EXPECT_THAT(runtime_directories(0, 1000, "/run/user/1000/glancefs"),
              ElementsAre("/run/glancefs"));
}

}  // namespace
}  // namespace glancefs::fs
