// What goes wrong the first time somebody tries it: one line that says what, a hint where there is
// one, and the right exit code. The rest of them is in starting_test.cc.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"
#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

constexpr int kUsage = 1;
constexpr int kSystem = 2;
constexpr int kFailed = 32;

class FirstFailures : public MountedCloud {
 protected:
  std::string places(const std::string& under = {}) const {
    const std::string base = directory_.path() + under;
    return "cache-dir=" + base + "/cache,state-dir=" + base + "/state,log=" + base + "/log";
  }
  // mount.glancefs after `preparation`, in a mount namespace of its own.
  Result mount_after(const std::string& preparation, const Environment& more = {},
                     const std::string& options = {}, const std::string& as = {}) {
    write_file(directory_ / "script", preparation + "\nexec " + as +
                                          " $D/mount.glancefs $M -o $O,connect-timeout=5s" +
                                          options + "\n");
    EXPECT_EQ(sh("ln -sf " GLANCEFS_PROGRAM " $D/mount.glancefs; chmod 755 $D").code, 0);
    Environment environment = more;
    environment.merge(Environment{{"M", mount_point_},
                                  {"D", directory_.path()},
                                  {"O", places(as.empty() ? "" : "/home")},
                                  {"no_proxy", ""}});
    environment.merge(openrc(cloud_.demo()));
    return run("exec unshare -m sh -e $D/script", environment);
  }
  Result mount_with(const Environment& more, const std::string& options = {}) {
    return mount_after("", more, options);
  }
  // A person who may mount on $M and has a directory, "home", of her own.
  std::string nobody() {
    EXPECT_EQ(sh("mkdir -p $D/home; chown nobody $M $D/home; chmod 755 $D").code, 0);
    return "runuser -u nobody --";
  }
  bool can_be_nobody() { return sh("runuser -u nobody -- test -w /dev/fuse").code == 0; }
  // For `name`, good until that day.
  void make_certificate(const std::string& name, const std::string& end) {
    write_file(directory_ / "ca.conf",
               "[ca]\ndefault_ca=own\n[own]\ndatabase=index\nserial=serial\nnew_certs_dir=.\n"
               "default_md=sha256\npolicy=names\nx509_extensions=more\n[names]\n"
               "commonName=supplied\n[more]\nsubjectAltName=" +
                   name + "\n");
    const Result made =
        sh("cd $D && touch index && echo 01 > serial && openssl req -new -newkey rsa:2048 -nodes "
           "-subj /CN=images.example -keyout key.pem -out request.pem && openssl ca -batch -notext "
           "-config ca.conf -selfsign -keyfile key.pem -in request.pem -out cert.pem "
           "-startdate 20200101000000Z -enddate " +
           end);
    ASSERT_EQ(made.code, 0) << made.output;
  }
  // A cloud with that certificate, which is trusted.
  Result mount_over_tls() {
    devcloud::Config config;
    config.tls_certificate = directory_ / "cert.pem";
    config.tls_key = directory_ / "key.pem";
    const devcloud::DevCloud cloud(config);
    return mount_with({{"OS_AUTH_URL", cloud.auth_url()}, {"OS_CACERT", directory_ / "cert.pem"}});
  }
};

TEST_F(FirstFailures, ACertificateForAnotherName) {
  make_certificate("DNS:images.example", "20990101000000Z");
  const Result result = mount_over_tls();
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, AllOf(HasSubstr("certificate not trusted: "), HasSubstr("127.0.0.1"),
                                   HasSubstr("  hint: ")));
}

TEST_F(FirstFailures, ACertificateThatHasExpired) {
  make_certificate("IP:127.0.0.1", "20200102000000Z");
  const Result result = mount_over_tls();
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, HasSubstr("certificate not trusted: certificate has expired"));
}

TEST_F(FirstFailures, HttpsWhereHttpIsSpoken) {
  std::string url = cloud_.auth_url();
  const Result result = mount_with({{"OS_AUTH_URL", url.replace(0, 4, "https")}});
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, HasSubstr("does not speak TLS; is it http://?"));
}

TEST_F(FirstFailures, ANameThatLeadsNowhere) {
  // Nobody is asked: the name server is here, and is none.
  const Result result = mount_after(
      "echo nameserver 127.0.0.1 > $D/resolv.conf\n"
      "mount --bind $D/resolv.conf /etc/resolv.conf\n",
      {{"OS_AUTH_URL", "http://keystone.invalid:5000/v3"}});
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output,
              HasSubstr("cannot reach http://keystone.invalid:5000: host not found"));
}

TEST_F(FirstFailures, AServerThatSaysNothing) {
  const Fd mute(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* where = reinterpret_cast<sockaddr*>(&address);  // NOLINT(*reinterpret-cast)
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(mute.get(), where, size), 0);
  ASSERT_EQ(::listen(mute.get(), 8), 0);
  ASSERT_EQ(::getsockname(mute.get(), where, &size), 0);
  const std::string origin = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  const Result result = mount_with({{"OS_AUTH_URL", origin + "/v3"}}, ",timeout=1");
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, HasSubstr("cannot reach " + origin + ": no answer in "));
}

TEST_F(FirstFailures, AProxyThatIsNotThere) {
  const Result result = mount_with({{"http_proxy", "http://127.0.0.1:1"}});
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("connection refused"), HasSubstr("through proxy 127.0.0.1:1")));
}

TEST_F(FirstFailures, NoEndpointOfThatInterface) {
  const Result result = mount_with({{"OS_INTERFACE", "admin"}, {"OS_REGION_NAME", "RegionNine"}});
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, AllOf(HasSubstr("no image service"), HasSubstr("\"admin\""),
                                   HasSubstr("\"RegionNine\""), HasSubstr("RegionOne")));
}

TEST_F(FirstFailures, NoFuseDevice) {
  const Result result = mount_after(
      "mkdir $D/dev; mount -t tmpfs none $D/dev; mknod -m 666 $D/dev/null c 1 3\n"
      "mknod -m 666 $D/dev/urandom c 1 9\n"
      // Where directories of tests may lie.
      "mkdir $D/dev/shm; mount --bind /dev/shm $D/dev/shm\n"
      "mount --rbind $D/dev /dev\n");
  EXPECT_EQ(result.code, kSystem);
  EXPECT_THAT(
      result.output,
      MatchesRegex("mount.glancefs: /dev/fuse is missing\n  hint: load the fuse module.*\n"));
}

TEST_F(FirstFailures, NoFusermount) {
  if (!can_be_nobody()) GTEST_SKIP() << "/dev/fuse is root's";
  const std::string as = nobody();
  const Result result = mount_after(
      "touch $D/none; mount --bind $D/none $(readlink -f /usr/bin/fusermount3)\n", {}, {}, as);
  EXPECT_EQ(result.code, kSystem);
  EXPECT_EQ(result.output,
            "mount.glancefs: fusermount3 not found or not set-uid root\n"
            "  hint: apt install fuse3\n");
}

TEST_F(FirstFailures, NoNewPrivileges) {
  if (!can_be_nobody()) GTEST_SKIP() << "/dev/fuse is root's";
  const Result result = mount_after("", {}, {}, nobody() + " setpriv --no-new-privs");
  EXPECT_EQ(result.code, kSystem);
  EXPECT_THAT(result.output, HasSubstr("fusermount3 cannot gain privileges here"));
}

TEST_F(FirstFailures, AllowOtherAsAUser) {
  if (!can_be_nobody()) GTEST_SKIP() << "/dev/fuse is root's";
  const Result result =
      mount_after("touch $D/fuse.conf; mount --bind $D/fuse.conf /etc/fuse.conf\n", {},
                  ",allow_other", nobody());
  EXPECT_EQ(result.code, kUsage);
  EXPECT_EQ(result.output,
            "mount.glancefs: allow_other needs the line user_allow_other in /etc/fuse.conf\n");
}

TEST_F(FirstFailures, AMountPointOfSomebodyElse) {
  if (!can_be_nobody()) GTEST_SKIP() << "/dev/fuse is root's";
  const std::string as = nobody();
  const Result result = mount_after("chown root $M\n", {}, {}, as);
  EXPECT_EQ(result.code, kFailed);
  EXPECT_EQ(result.output, "mount.glancefs: " + mount_point_ +
                               ": not writable by nobody (needed to mount as a user)\n");
}

TEST_F(FirstFailures, ACacheThatCannotBeWritten) {
  if (!can_be_nobody()) GTEST_SKIP() << "/dev/fuse is root's";
  const std::string as = nobody();
  const Result result = mount_after("chown root $D/home\n", {}, ",log=$D/nobodys.log", as);
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, HasSubstr("Permission denied"));
}

TEST_F(FirstFailures, AQuotaThatIsUsedUp) {
  mount();
  cloud_.add_fault(
      devcloud::answer_fault(413, R"({"message":"Request exceeds quota: image_size_total"})",
                             {{"Content-Type", "application/json"}}));
  write_file(directory_ / "a", "data");
  const Result copied = sh("cp $D/a $M/private/");
  EXPECT_NE(copied.code, 0);
  EXPECT_THAT(copied.output, HasSubstr("Disk quota exceeded"));
  EXPECT_THAT(reason("private/a"), HasSubstr("image_size_total"));
  unmount();
}

TEST_F(FirstFailures, PublicIsForAdministrators) {
  mount();
  write_file(directory_ / "a", "data");
  const Result copied = sh("cp $D/a $M/public/");
  EXPECT_NE(copied.code, 0);
  EXPECT_THAT(copied.output, HasSubstr("Permission denied"));
  EXPECT_THAT(daemon_->output(),
              AllOf(HasSubstr("public"), HasSubstr("403"), Not(HasSubstr(cloud_.demo().password))));
  EXPECT_EQ(sh("rm -f $M/public/a").code, 0);
  unmount();
}

}  // namespace
}  // namespace glancefs::mount_test
