// What the daemon does on SIGHUP and SIGUSR1, and what it tells systemd.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/fd.h"
#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// systemd's end of NOTIFY_SOCKET.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& name)
      : fd_(checked_fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket")) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(name, static_cast<char*>(address.sun_path));
    if (name.starts_with('@')) address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    const auto* where = reinterpret_cast<const sockaddr*>(&address);  // NOLINT(*reinterpret-cast)
    EXPECT_EQ(::bind(fd_.get(), where, length), 0);
  }
  // The next message; "" when none comes.
  std::string next() {
    pollfd message{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&message, 1, 20'000) <= 0) return {};
    std::array<char, 4096> text{};
    const ssize_t size = ::recv(fd_.get(), text.data(), text.size(), 0);
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

 private:
  const Fd fd_;
};

class SignalsAndSystemd : public MountedCloud {
 protected:
  void write_clouds(const std::string& password) {
    write_file(directory_ / "clouds.yaml",
               "clouds:\n  dev:\n    auth:\n      auth_url: " + cloud_.auth_url() +
                   "\n      username: demo\n      password: " + password +
                   "\n      project_name: demo\n      user_domain_name: Default\n"
                   "      project_domain_name: Default\n");
  }
  // On what the files of `environment` say, with the log in a file.
  void mount_cloud(const Environment& environment, const std::string& options = {}) {
    const std::string line = "exec " GLANCEFS_PROGRAM " mount --foreground -v dev " + mount_point_ +
                             " -o log=" + log_ +
                             ",log-level=info,cache-dir=" + (directory_ / "cache") +
                             ",state-dir=" + (directory_ / "state") + options;
    daemon_ = std::make_unique<Background>(line, environment);
    ASSERT_TRUE(daemon_->wait_for_output("mounted on")) << daemon_->output();
  }
  bool log_says(const std::string& text) {
    return eventually([&] { return read_file(log_).find(text) != std::string::npos; });
  }

  const std::string log_ = directory_ / "log";
};

TEST_F(SignalsAndSystemd, HangupLogsInAnewAndReopensTheLog) {
  write_clouds(cloud_.demo().password);
  mount_cloud({{"OS_CLIENT_CONFIG_FILE", directory_ / "clouds.yaml"}}, ",metadata-ttl=0");
  cloud_.set_password("demo", "another");
  cloud_.expire_tokens();
  cloud_.revoke_tokens();

  daemon_->signal(SIGHUP);
  ASSERT_TRUE(log_says("not reloaded: dev: login refused")) << read_file(log_);
  EXPECT_THAT(read_file(log_), Not(HasSubstr(cloud_.demo().password)));

  write_clouds("another");
  std::filesystem::rename(log_, log_ + ".1");
  daemon_->signal(SIGHUP);
  ASSERT_TRUE(log_says("dev: logged in anew")) << read_file(log_);
  write_file(directory_ / "a", "data");
  EXPECT_EQ(sh("cp $D/a $M/private/").code, 0);
  unmount();
}

TEST_F(SignalsAndSystemd, ALogThatCannotBeMadeAnewDoesNotKeepTheOldLogin) {
  write_clouds(cloud_.demo().password);
  mount_cloud({{"OS_CLIENT_CONFIG_FILE", directory_ / "clouds.yaml"}});
  std::filesystem::rename(log_, log_ + ".1");
  std::filesystem::create_directory(log_);
  daemon_->signal(SIGHUP);
  const auto says = [&](const std::string& text) {
    return eventually([&] { return read_file(log_ + ".1").find(text) != std::string::npos; });
  };
  EXPECT_TRUE(says("dev: logged in anew")) << read_file(log_ + ".1");
  EXPECT_TRUE(says("log file " + log_ + ": Is a directory")) << read_file(log_ + ".1");
  unmount();
}

TEST_F(SignalsAndSystemd, HangupDoesNotMakeSomebodyElseOfTheMount) {
  write_clouds(cloud_.demo().password);
  mount_cloud({{"OS_CLIENT_CONFIG_FILE", directory_ / "clouds.yaml"}});
  write_file(directory_ / "clouds.yaml",
             "clouds:\n  dev:\n    auth:\n      auth_url: " + cloud_.auth_url() +
                 "\n      username: admin\n      password: " + cloud_.admin().password +
                 "\n      project_name: admin\n      user_domain_name: Default\n"
                 "      project_domain_name: Default\n");
  daemon_->signal(SIGHUP);
  ASSERT_TRUE(log_says("the new login is not for the project")) << read_file(log_);
  write_file(directory_ / "a", "data");
  EXPECT_EQ(sh("cp $D/a $M/private/").code, 0) << "the old login goes on";
  unmount();
}

// A terminal that is closed sends SIGHUP, too.
TEST_F(SignalsAndSystemd, TheEndOfTheTerminalEndsWhatRunsOnIt) {
  if (sh("command -v script").code != 0) GTEST_SKIP() << "script is not installed";
  write_clouds(cloud_.demo().password);
  Background terminal("exec script -qec 'exec " GLANCEFS_PROGRAM " mount --foreground -v dev " +
                          mount_point_ + " -o log=" + log_ +
                          ",log-level=info,cache-dir=" + (directory_ / "cache") +
                          ",state-dir=" + (directory_ / "state") + "' /dev/null </dev/null",
                      {{"OS_CLIENT_CONFIG_FILE", directory_ / "clouds.yaml"}});
  ASSERT_TRUE(terminal.wait_for_output("mounted on")) << terminal.output();
  terminal.signal(SIGKILL);
  EXPECT_TRUE(log_says("is unmounted")) << read_file(log_);
  EXPECT_NE(sh("mountpoint -q $M").code, 0);
}

TEST_F(SignalsAndSystemd, Usr1WritesTheStateToTheLog) {
  write_clouds(cloud_.demo().password);
  mount_cloud({{"OS_CLIENT_CONFIG_FILE", directory_ / "clouds.yaml"}}, ",upload-delay=1h");
  ASSERT_EQ(sh("exec 3<> $M/private/a; echo data >&3").code, 0);
  daemon_->signal(SIGUSR1);
  EXPECT_TRUE(log_says("pending: private/a")) << read_file(log_);
  EXPECT_THAT(read_file(log_), AllOf(HasSubstr("status: cloud      dev"),
                                     HasSubstr("status: catalogue"), HasSubstr("status: cache")));
  unmount();
}

class Notified : public SignalsAndSystemd, public testing::WithParamInterface<const char*> {};

TEST_P(Notified, SystemdHearsOfEachStep) {
  const bool abstract = std::string_view(GetParam()) == "abstract";
  const std::string name = abstract ? "@" + directory_.path() : directory_ / "notify";
  NotifySocket socket(name);
  // As LoadCredential= of a unit hands it over.
  std::filesystem::create_directory(directory_ / "credentials");
  write_clouds(cloud_.demo().password);
  std::filesystem::rename(directory_ / "clouds.yaml", directory_ / "credentials/clouds.yaml");
  mount_cloud({{"NOTIFY_SOCKET", name}, {"CREDENTIALS_DIRECTORY", directory_ / "credentials"}},
              ",shutdown-timeout=7");
  EXPECT_EQ(socket.next(), "STATUS=logging in to dev\n");
  EXPECT_EQ(socket.next(), "READY=1\nSTATUS=dev mounted on " + mount_point_ + "\n");
  daemon_->signal(SIGHUP);
  EXPECT_THAT(socket.next(),
              testing::MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+\nSTATUS=.*\n"));
  EXPECT_EQ(socket.next(), "READY=1\nSTATUS=dev mounted on " + mount_point_ + "\n");
  daemon_->signal(SIGTERM);
  EXPECT_EQ(socket.next(),
            "STOPPING=1\nEXTEND_TIMEOUT_USEC=22000000\nSTATUS=uploading what waits\n");
  EXPECT_EQ(daemon_->wait(), 0) << daemon_->output();
}

INSTANTIATE_TEST_SUITE_P(Sockets, Notified, testing::Values("path", "abstract"),
                         [](const auto& which) { return std::string(which.param); });

TEST_F(SignalsAndSystemd, ASocketThatIsGoneDisturbsNobody) {
  write_clouds(cloud_.demo().password);
  mount_cloud({{"OS_CLIENT_CONFIG_FILE", directory_ / "clouds.yaml"},
               {"NOTIFY_SOCKET", directory_ / "nobody-listens"}});
  EXPECT_TRUE(log_says("the service manager was not told")) << read_file(log_);
  unmount();
}

TEST(SystemdUnits, AreVerified) {
  if (run("command -v systemd-analyze").code != 0) GTEST_SKIP() << "systemd is not installed";
  const test::TemporaryDirectory directory;
  const Result result =
      run("set -e; mkdir $D/etc; cp $U/glancefs@.service $U/mnt-images.mount "
          "$U/mnt-images.automount $D/etc; "
          // It complains of programs that are not installed.
          "sed -i 's|/usr/bin/glancefs|" GLANCEFS_PROGRAM
          "|' $D/etc/*.service; "
          "mv $D/etc/glancefs@.service $D/etc/glancefs@demo.service; "
          "systemd-analyze verify --man=no $D/etc/glancefs@demo.service $D/etc/mnt-images.mount "
          "$D/etc/mnt-images.automount 2>&1",
          {{"D", directory.path()}, {"U", GLANCEFS_UNITS}});
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, Not(HasSubstr(directory.path()))) << "it has something to say of them";
}

}  // namespace
}  // namespace glancefs::mount_test
