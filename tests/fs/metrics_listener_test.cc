#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "base/fd.h"
#include "fs/metrics/listener.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::fs {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

std::string refusal(const std::string& word) {
  try {
    parse_listen_address(word);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  ADD_FAILURE() << word << " was accepted";
  return {};
}

TEST(ListenAddressTest, LoopbackAndUnixOnly) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:9920").text(), "127.0.0.1:9920");
  EXPECT_EQ(parse_listen_address("127.8.8.8:1").host, "127.8.8.8");
  EXPECT_EQ(parse_listen_address("localhost:9920").text(), "127.0.0.1:9920");
  EXPECT_EQ(parse_listen_address("[::1]:9920").text(), "[::1]:9920");
  EXPECT_EQ(parse_listen_address("unix:/run/m.sock").text(), "unix:/run/m.sock");
  for (const char* open : {"0.0.0.0:9920", "192.168.1.5:9920", "[::]:9920", "[2001:db8::1]:1"}) {
    EXPECT_THAT(refusal(open), HasSubstr("others could read")) << open;
  }
  for (const char* wrong : {"", "9920", ":9920", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000",
                            "127.0.0.1:99x", "::1:9920", "example.org:80", "unix:", "tcp:/x"}) {
    EXPECT_THAT(refusal(wrong), HasSubstr("expected")) << wrong;
  }
  EXPECT_THAT(refusal("unix:/" + std::string(200, 'x')), HasSubstr("107 bytes"));
}

Fd connect_to(const ListenAddress& address) {
  Fd socket;
  int result = 0;
  if (address.host.empty()) {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    address.path.copy(local.sun_path, sizeof local.sun_path - 1);
    socket = checked_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    result = ::connect(socket.get(), reinterpret_cast<sockaddr*>(&local), sizeof local);
  } else {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.host.c_str(), &four.sin_addr);
    socket = checked_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    result = ::connect(socket.get(), reinterpret_cast<sockaddr*>(&four), sizeof four);
  }
  if (result != 0) throw_errno(errno, "connect");
  return socket;
}

std::string rest_of(const Fd& connection) {
  std::string text;
  std::array<char, 4096> piece{};
  while (true) {
    const ssize_t got = ::recv(connection.get(), piece.data(), piece.size(), 0);
    if (got <= 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
}

std::string ask(const ListenAddress& address, const std::string& request) {
  const Fd connection = connect_to(address);
  EXPECT_EQ(::send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  return rest_of(connection);
}

class MetricsListenerTest : public testing::Test {
 protected:
  ListenAddress at_any_port() { return parse_listen_address("127.0.0.1:0"); }
  std::string path() const { return directory_ / "metrics.sock"; }
  ListenAddress at_path() const { return parse_listen_address("unix:" + path()); }

  test::TemporaryDirectory directory_;
  std::atomic<int> made_ = 0;
  std::function<std::string()> text_ = [this] {
    ++made_;
    return std::string("a 1\n");
  };
};

TEST_F(MetricsListenerTest, AnswersGetOfMetricsOnly) {
  const MetricsSocket socket(at_any_port());
  const MetricsListener listener(socket, text_);
  const std::string answer = ask(socket.address(), "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 4\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\na 1\n"));
  EXPECT_THAT(ask(socket.address(), "GET /metrics?x=1 HTTP/1.0\r\n\r\n"), HasSubstr(" 200 "));
  EXPECT_THAT(ask(socket.address(), "GET / HTTP/1.1\r\n\r\n"), HasSubstr(" 404 "));
  EXPECT_THAT(ask(socket.address(), "POST /metrics HTTP/1.1\r\n\r\n"), HasSubstr(" 405 "));
  EXPECT_THAT(ask(socket.address(), "nonsense\r\n\r\n"), HasSubstr(" 405 "));
  EXPECT_EQ(made_, 2);
}

TEST_F(MetricsListenerTest, WhoFallsSilentHoldsUpTheNextNoLongerThanTwoSeconds) {
  const MetricsSocket socket(at_any_port());
  const MetricsListener listener(socket, text_);
  const Fd silent = connect_to(socket.address());
  EXPECT_THAT(ask(socket.address(), "GET /metrics HTTP/1.1\r\n\r\n"), HasSubstr(" 200 "));
  EXPECT_EQ(rest_of(silent), "");
}

TEST_F(MetricsListenerTest, AnEndlessHeadIsCutOff) {
  const MetricsSocket socket(at_any_port());
  const MetricsListener listener(socket, text_);
  EXPECT_EQ(ask(socket.address(), std::string(20'000, 'x')), "");
}

TEST_F(MetricsListenerTest, EndsAlsoWhileSomebodyIsBeingAnswered) {
  const MetricsSocket socket(at_any_port());
  const auto began = std::chrono::steady_clock::now();
  {
    const MetricsListener listener(socket, text_);
    const Fd silent = connect_to(socket.address());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
}

TEST_F(MetricsListenerTest, TheUnixSocketIsPrivateAndGoes) {
  {
    const MetricsSocket socket(at_path());
    const MetricsListener listener(socket, text_);
    struct stat status {};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    EXPECT_THAT(ask(socket.address(), "GET /metrics HTTP/1.1\r\n\r\n"), HasSubstr(" 200 "));
    EXPECT_THROW(MetricsSocket{at_path()}, std::system_error) << "it is in use";
  }
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(MetricsListenerTest, ASocketThatADeadDaemonLeftIsReplaced) {
  {
    const Fd dead = checked_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    path().copy(local.sun_path, sizeof local.sun_path - 1);
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&local), sizeof local), 0);
  }
  const MetricsSocket socket(at_path());
  const MetricsListener listener(socket, text_);
  EXPECT_THAT(ask(socket.address(), "GET /metrics HTTP/1.1\r\n\r\n"), HasSubstr(" 200 "));
}

TEST_F(MetricsListenerTest, AFileThatIsNoSocketStays) {
  std::ofstream(path()) << "precious";
  EXPECT_THROW(MetricsSocket{at_path()}, std::system_error);
  EXPECT_EQ(std::filesystem::file_size(path()), 8U);
}

TEST_F(MetricsListenerTest, APortThatIsTakenIsAnErrorThatNamesIt) {
  const MetricsSocket socket(at_any_port());
  try {
    const MetricsSocket other(socket.address());
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EADDRINUSE);
    EXPECT_THAT(error.what(), HasSubstr("metrics-listen=127.0.0.1:"));
  }
}

}  // namespace
}  // namespace glancefs::fs
