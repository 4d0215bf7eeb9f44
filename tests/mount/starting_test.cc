// Mounting: what a person sees when it works, and the one clear message when it does not.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr int kUsage = 1;
constexpr int kFailed = 32;

class Starting : public MountedCloud {
 protected:
  // The program under the name of the mount helper, in the background as mount(8) runs it.
  Result helper(const std::string& arguments, const Environment& environment) {
    Environment all = environment;
    all["M"] = mount_point_;
    all["HOME"] = directory_.path();
    return run(
        "cd $M/.. && ln -sf " GLANCEFS_PROGRAM " mount.glancefs && ./mount.glancefs " + arguments,
        all);
  }
  std::string places() const {
    return " -o cache-dir=" + (directory_ / "cache") + ",state-dir=" + (directory_ / "state") +
           ",log=" + (directory_ / "log");
  }
  Environment demo() const { return openrc(cloud_.demo()); }
  bool is_mounted() { return sh("mountpoint -q $M").code == 0; }
  // Until the daemon in the background has gone, which a lock on the cache directory cannot tell:
  // its log says so.
  void umount_helper() {
    EXPECT_EQ(sh("umount $M").code, 0);
    EXPECT_EQ(
        sh("for i in $(seq 200); do grep -q 'is unmounted' $D/log && exit 0; sleep 0.05; done; "
           "cat $D/log; exit 1")
            .code,
        0);
  }
  std::string write_clouds(const std::string& password, const std::string& more = {}) {
    write_file(directory_ / "clouds.yaml",
               "clouds:\n  dev:\n    auth:\n      auth_url: " + cloud_.auth_url() +
                   "\n      username: demo\n      password: " + password +
                   "\n      project_name: demo\n      user_domain_name: Default\n"
                   "      project_domain_name: Default\n" +
                   more);
    ::chmod((directory_ / "clouds.yaml").c_str(), 0600);
    return directory_ / "clouds.yaml";
  }
};

TEST_F(Starting, WithAnOpenrcOneWordIsEnough) {
  add("a", "data");
  const Result result = helper("$M" + places() + ",log-level=info", demo());
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.output, "") << "success is silent under mount(8)";
  EXPECT_EQ(out("cat $M/private/a"), "data") << "usable when it returns";
  umount_helper();
}

TEST_F(Starting, WithACloudOfCloudsYaml) {
  const std::string file = write_clouds(cloud_.demo().password);
  const Result result =
      helper("dev $M" + places() + ",log-level=info", {{"OS_CLIENT_CONFIG_FILE", file}});
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_EQ(out("findmnt -no SOURCE $M"), "dev");
  umount_helper();
}

TEST_F(Starting, AsAConfigurationFileSays) {
  const std::string clouds = write_clouds(cloud_.demo().password);
  write_file(directory_ / "glancefs.conf",
             "cache-dir = cache\nstate-dir = state\nlog = log\nlog-level = info\n"
             "os-cloud = dev\n[dev]\nro\n[other]\nsubdir = public\n");
  const Environment environment{{"OS_CLIENT_CONFIG_FILE", clouds},
                                {"GLANCEFS_CONFIG", directory_ / "glancefs.conf"}};
  const Result result = helper("$M", environment);
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_EQ(out("findmnt -no SOURCE $M; findmnt -no OPTIONS $M | cut -d , -f 1"), "dev\nro");
  EXPECT_EQ(sh("test -d $D/cache && test -d $D/state && test -d $M/private").code, 0)
      << "relative to the file";
  umount_helper();
}

TEST_F(Starting, AMistakeInAConfigurationFileNamesItsLine) {
  write_file(directory_ / "glancefs.conf", "# ours\ncache-dri = cache\n");
  const Environment environment{{"GLANCEFS_CONFIG", directory_ / "glancefs.conf"}};
  const Result result = helper("dev $M", environment);
  EXPECT_EQ(result.code, kUsage);
  EXPECT_EQ(result.output, "mount.glancefs: " + (directory_ / "glancefs.conf") +
                               ":2: unknown option \"cache-dri\"\n  hint: did you mean "
                               "\"cache-dir\"?\n");
  EXPECT_FALSE(is_mounted());
}

TEST_F(Starting, APasswordMayStandInAPrivateConfigurationFile) {
  write_file(directory_ / "glancefs.conf",
             "os-auth-url = " + cloud_.auth_url() + "\nos-username = demo\nos-password = \"" +
                 cloud_.demo().password + "\"\nos-project-name = demo\n");
  const Environment environment{{"GLANCEFS_CONFIG", directory_ / "glancefs.conf"}};
  ::chmod((directory_ / "glancefs.conf").c_str(), 0644);
  EXPECT_THAT(helper("$M" + places(), environment).output,
              HasSubstr("glancefs.conf:3: option os-password: everybody can read this file"));
  ::chmod((directory_ / "glancefs.conf").c_str(), 0600);
  const Result result = helper("$M" + places() + ",log-level=info", environment);
  EXPECT_EQ(result.code, 0) << result.output;
  umount_helper();
}

TEST_F(Starting, WithAnApplicationCredential) {
  const auto credential = cloud_.app_credential();
  const Result result = helper("$M" + places() + ",log-level=info",
                               {{"OS_AUTH_URL", cloud_.auth_url()},
                                {"OS_AUTH_TYPE", "v3applicationcredential"},
                                {"OS_APPLICATION_CREDENTIAL_ID", credential.id},
                                {"OS_APPLICATION_CREDENTIAL_SECRET", credential.secret}});
  EXPECT_EQ(result.code, 0) << result.output;
  umount_helper();
}

TEST_F(Starting, WithAToken) {
  const Result result = helper("$M" + places() + ",log-level=info",
                               {{"OS_AUTH_URL", cloud_.auth_url()},
                                {"OS_AUTH_TYPE", "v3token"},
                                {"OS_TOKEN", cloud_.issue_token("demo", std::chrono::seconds(600))},
                                {"OS_PROJECT_ID", cloud_.demo().project_id}});
  EXPECT_EQ(result.code, 0) << result.output;
  umount_helper();
}

// mount(8) looks for its helper in /sbin and takes HOME and PATH away.
TEST_F(Starting, ThroughMountAndTheLinkInSbin) {
  if (sh("unshare -m true").code != 0) GTEST_SKIP() << "no mount namespaces here";
  add("a", "data");
  Environment environment = demo();
  environment["M"] = mount_point_;
  environment["D"] = directory_.path();
  const Result result =
      run("unshare -m sh -ec 'mkdir $D/upper $D/work; "
          "mount -t tmpfs none $D/upper; mkdir $D/upper/u $D/upper/w; "
          "mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir=$D/upper/u,workdir=$D/upper/w "
          "/usr/sbin; "
          "ln -s " GLANCEFS_PROGRAM
          " /usr/sbin/mount.glancefs; "
          "mount -t glancefs none $M -o ro,nofail,_netdev" +
              places().substr(4).insert(0, ",") +
              "; cat $M/private/a; findmnt -no FSTYPE $M; umount $M; mount -f -t glancefs none $M'",
          environment);
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, StartsWith("datafuse.glancefs\n"));
}

TEST_F(Starting, MountingTwiceIsRefused) {
  mount();
  const Result again = helper("$M" + places(), demo());
  EXPECT_EQ(again.code, kFailed);
  EXPECT_THAT(again.output, HasSubstr("already"));
}

TEST_F(Starting, TheKernelTakesALimitOfReads) {
  add("a", "data");
  for (const std::string option : {",max_read=65536", ",max_read=65536,passthrough=no"}) {
    const Result mounted = helper("$M" + places() + ",log-level=info" + option, demo());
    EXPECT_EQ(mounted.code, 0) << mounted.output;
    EXPECT_EQ(out("cat $M/private/a"), "data") << option;
    umount_helper();
  }
}

TEST_F(Starting, ADeadMountIsReplaced) {
  mount();
  daemon_->signal(SIGKILL);
  daemon_->wait();
  daemon_.reset();
  const Result again = helper("$M" + places() + ",log-level=info", demo());
  EXPECT_EQ(again.code, 0) << again.output;
  umount_helper();
}

TEST_F(Starting, NothingConfigured) {
  const Result result = helper("$M" + places(), {{"XDG_CONFIG_HOME", directory_.path()}});
  EXPECT_EQ(result.code, kUsage);
  EXPECT_THAT(result.output, HasSubstr("no cloud given"));
  EXPECT_FALSE(is_mounted());
}

TEST_F(Starting, AnUnknownCloudIsGuessedAt) {
  const std::string file = write_clouds("x");
  const Result result = helper("deb $M" + places(), {{"OS_CLIENT_CONFIG_FILE", file}});
  EXPECT_EQ(result.code, kUsage);
  EXPECT_THAT(result.output, AllOf(HasSubstr("\"deb\""), HasSubstr("did you mean \"dev\"?")));
}

TEST_F(Starting, AWrongPasswordIsTriedOnce) {
  Environment environment = demo();
  environment["OS_PASSWORD"] = "not-the-password";
  const Result result = helper("$M" + places(), environment);
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, AllOf(HasSubstr("login refused"), HasSubstr("demo"), HasSubstr("401"),
                                   Not(HasSubstr("not-the-password"))));
  EXPECT_EQ(cloud_.requests("POST", "/v3/auth/tokens"), 1U);
  EXPECT_FALSE(is_mounted());
}

TEST_F(Starting, NoImageServiceInTheRegion) {
  Environment environment = demo();
  environment["OS_REGION_NAME"] = "RegionTwo";
  const Result result = helper("$M" + places(), environment);
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, AllOf(HasSubstr("RegionTwo"), HasSubstr("RegionOne")));
}

TEST_F(Starting, ADeadEndpoint) {
  Environment environment = demo();
  environment["OS_AUTH_URL"] = "http://127.0.0.1:1/v3";
  const Result result = helper("$M" + places(), environment);
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, AllOf(HasSubstr("cannot reach"), HasSubstr("127.0.0.1:1")));
  EXPECT_FALSE(is_mounted());
}

TEST_F(Starting, AnAddressThatIsNotKeystone) {
  Environment environment = demo();
  environment["OS_AUTH_URL"] = cloud_.glance_url();
  EXPECT_EQ(helper("$M" + places(), environment).code, kFailed);
}

TEST_F(Starting, NoMountPoint) {
  const Result result = helper("$M/nowhere" + places(), demo());
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, HasSubstr("no such directory"));
  write_file(directory_ / "file", "");
  EXPECT_THAT(helper((directory_ / "file") + places(), demo()).output,
              HasSubstr("not a directory"));
}

TEST_F(Starting, ACacheDirectoryOfSomebodyElse) {
  const std::string cache = directory_ / "foreign";
  std::filesystem::create_directory(cache);
  ASSERT_EQ(::chown(cache.c_str(), 12345, 12345), 0);
  const Result result = helper("$M -o cache-dir=" + cache + ",state-dir=" + (directory_ / "s") +
                                   ",log=" + (directory_ / "log"),
                               demo());
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, HasSubstr(cache));
  EXPECT_FALSE(is_mounted());
}

TEST_F(Starting, ACacheDirectoryThatCannotBeWritten) {
  const std::string place = directory_ / "read-only";
  std::filesystem::create_directory(place);
  if (::mount("none", place.c_str(), "tmpfs", MS_RDONLY, nullptr) != 0) {
    GTEST_SKIP() << "cannot mount a tmpfs";
  }
  const Result result =
      helper("$M -o cache-dir=" + place + "/cache,state-dir=" + (directory_ / "s") +
                 ",log=" + (directory_ / "log"),
             demo());
  ::umount(place.c_str());
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, HasSubstr("Read-only file system"));
}

TEST_F(Starting, UnknownOptionsAreGuessedAt) {
  const Result result = helper("$M -o cashe-size=1G", demo());
  EXPECT_EQ(result.code, kUsage);
  EXPECT_THAT(result.output, HasSubstr("cache-size"));
}

TEST_F(Starting, HelpAndVersionGoToTheOutput) {
  EXPECT_EQ(helper("--version", {}).code, 0);
  const Result help = helper("--help", {});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.output, HasSubstr("cache-size"));
}

TEST_F(Starting, SecretsAreNotInTheProcessList) {
  Environment environment = demo();
  environment.erase("OS_PASSWORD");
  environment["P"] = cloud_.demo().password;
  const Result result = helper(
      "$M -o os-password=$P" + places().substr(4).insert(0, ",") + ",log-level=debug", environment);
  ASSERT_EQ(result.code, 0) << result.output;
  // From a file, or the search would find itself.
  write_file(directory_ / "secret", "os-password=" + cloud_.demo().password);
  EXPECT_NE(sh("cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -F -f $D/secret").code, 0);
  EXPECT_NE(sh("grep -F '" + cloud_.demo().password + "' $D/log").code, 0);
  umount_helper();
}

TEST_F(Starting, AnUntrustedCertificate) {
  ASSERT_EQ(
      sh("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
         "-addext subjectAltName=IP:127.0.0.1 -keyout $D/key.pem -out $D/cert.pem 2>/dev/null")
          .code,
      0);
  devcloud::Config config;
  config.tls_certificate = directory_ / "cert.pem";
  config.tls_key = directory_ / "key.pem";
  devcloud::DevCloud cloud(config);
  Environment environment = openrc(cloud.demo());
  environment["OS_AUTH_URL"] = cloud.auth_url();
  const Result refused = helper("$M" + places(), environment);
  EXPECT_EQ(refused.code, kFailed);
  EXPECT_THAT(refused.output, AllOf(HasSubstr("not trusted"), HasSubstr("OS_CACERT")));
  environment["OS_CACERT"] = directory_ / "cert.pem";
  const Result trusted = helper("$M" + places() + ",log-level=info", environment);
  EXPECT_EQ(trusted.code, 0) << trusted.output;
  umount_helper();
}

TEST_F(Starting, AnOrdinaryUserMountsHerOwnDirectory) {
  if (sh("runuser -u nobody -- test -w /dev/fuse").code != 0) GTEST_SKIP() << "/dev/fuse is root's";
  add("a", "data");
  ASSERT_EQ(sh("chmod 755 $D; mkdir $D/home; chown nobody $M $D/home").code, 0);
  Environment environment = demo();
  environment["M"] = mount_point_;
  environment["D"] = directory_.path();
  const Result result = run("runuser -u nobody -- sh -ec '" GLANCEFS_PROGRAM
                            " mount $M -o cache-dir=$D/home/c,state-dir=$D/home/s,log=$D/home/log; "
                            "cat $M/private/a; fusermount3 -u $M'",
                            environment);
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_EQ(result.output, "data");
}

}  // namespace
}  // namespace glancefs::mount_test
