// The mount helper under the real mount(8), umount(8), fstab and mount.fuse3.
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"
#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr int kUsage = 1;
constexpr int kFailed = 32;

// Of whoever binds it next.
std::uint16_t free_port() {
  const Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* where = reinterpret_cast<sockaddr*>(&address);  // NOLINT(*reinterpret-cast)
  EXPECT_EQ(::bind(probe.get(), where, sizeof address), 0);
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(probe.get(), where, &size), 0);
  return ntohs(address.sin_port);
}

class Helper : public MountedCloud {
 protected:
  void SetUp() override {
    MountedCloud::SetUp();
    if (IsSkipped()) return;
    if (sh("unshare -m true").code != 0) GTEST_SKIP() << "no mount namespaces here";
    write_file(directory_ / "prepare",
               // Links in /sbin, a table of mounts and an fstab of our own.
               "trap 'umount -l $M 2>/dev/null || :' EXIT\n"
               // Other tests' mounts came along, and would live as long as we do.
               "findmnt -rno TARGET -t fuse.glancefs | xargs -r umount -il 2>/dev/null || :\n"
               "mkdir -p $D/ns; mount -t tmpfs none $D/ns\n"
               "mkdir -p $D/ns/upper $D/ns/work $D/ns/run\n"
               "mount -t overlay overlay -o "
               "lowerdir=/usr/sbin,upperdir=$D/ns/upper,workdir=$D/ns/work /usr/sbin\n"
               "for name in mount.glancefs mount.fuse.glancefs umount.fuse.glancefs; do "
               "ln -s " GLANCEFS_PROGRAM
               " /usr/sbin/$name; done\n"
               "mount --bind $D/ns/run /run/mount\n"
               "if [ -e $D/fstab ]; then mount --bind $D/fstab /etc/fstab; fi\n");
    std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
  }
  // `script` by sh -e, where mount(8) finds the helpers and nothing is mounted for anybody else.
  Result script(const std::string& text, Environment environment = {}) {
    write_file(directory_ / "script", ". $D/prepare\n" + text);
    environment["M"] = mount_point_;
    environment["D"] = directory_.path();
    environment["O"] = places();
    environment["LC_ALL"] = "C.UTF-8";
    environment.merge(openrc(cloud_.demo()));
    return run("exec unshare -m sh -e $D/script", environment, std::chrono::seconds(60));
  }
  std::string places(const std::string& under = {}) const {
    const std::string base = directory_.path() + under;
    return "cache-dir=" + base + "/cache,state-dir=" + base + "/state,log=" + base +
           "/log,log-level=info";
  }
  void write_fstab(const std::string& line) { write_file(directory_ / "fstab", line + "\n"); }
  std::string write_clouds(const std::string& password) {
    write_file(directory_ / "clouds.yaml",
               "clouds:\n  dev:\n    auth:\n      auth_url: " + cloud_.auth_url() +
                   "\n      username: demo\n      password: " + password +
                   "\n      project_name: demo\n      user_domain_name: Default\n"
                   "      project_domain_name: Default\n");
    return directory_ / "clouds.yaml";
  }
  // What is not from a cloud.
  Environment only_clouds() {
    return {{"OS_CLIENT_CONFIG_FILE", write_clouds(cloud_.demo().password)},
            {"OS_AUTH_URL", ""},
            {"OS_USERNAME", ""},
            {"OS_PASSWORD", ""},
            {"OS_PROJECT_NAME", ""}};
  }
  bool can_be_nobody() { return sh("runuser -u nobody -- test -w /dev/fuse").code == 0; }
};

TEST_F(Helper, RemountSwitchesBetweenReadingAndWriting) {
  const Result result = script(
      "mount -t glancefs none $M -o $O\n"
      "echo one > $M/private/one\n"
      "mount -o remount,ro $M\n"
      "findmnt -no OPTIONS $M | grep -q '^ro,nosuid,nodev'\n"
      "getfattr --absolute-names --only-values -n user.glancefs.read_only $M; echo\n"
      "if echo two > $M/private/two; then exit 1; fi\n"
      "mount -o remount,rw $M\n"
      "findmnt -no OPTIONS $M | grep -q '^rw,nosuid,nodev'\n"
      "echo two > $M/private/two\n"
      "umount $M\n");
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(StartsWith("1\n"), HasSubstr("Read-only file system")));
  EXPECT_FALSE(id_of("two").empty());
}

TEST_F(Helper, WhatWasMountedReadOnlyCanBecomeWritable) {
  const Result result = script(
      "mount -t glancefs none $M -o ro,$O\n"
      "if echo one > $M/private/one; then exit 1; fi\n"
      "mount -o remount,rw $M\n"
      "echo one > $M/private/one\n"
      "umount $M\n");
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_FALSE(id_of("one").empty());
}

TEST_F(Helper, RemountChangesNothingElse) {
  const Result result = script(
      "mount -t glancefs none $M -o allow_other,$O\n"
      "mount -o remount,metadata-ttl=5s $M || echo code $?\n"
      "mount -o remount,noexec $M || echo code $?\n"
      "mount -o remount,frobnicate $M || echo code $?\n"
      "mount -o remount,allow_other,metadata-ttl=30s,ro $M\n"
      "exec 3>/dev/null\n"
      "mount -o remount,rw $M\n"
      "exec 3> $M/private/open\n"
      "mount -o remount,ro $M || echo code $?\n"
      "exec 3>&-\n"
      "umount $M\n");
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("cannot change metadata-ttl while mounted"),
                    HasSubstr("cannot change noexec while mounted"),
                    HasSubstr("unknown option \"frobnicate\""), HasSubstr("code 1\n"),
                    HasSubstr("open for writing"), HasSubstr("code 32\n")));
}

TEST_F(Helper, RemountTakesTheLineOfFstab) {
  write_fstab("dev " + mount_point_ + " glancefs ro,_netdev,nofail,uid=0,umask=022," + places() +
              " 0 0");
  const Result result = script(
      "mount $M\n"
      "mount -o remount,rw $M\n"
      "findmnt -no OPTIONS $M | grep -q '^rw,'\n"
      "mount -o remount $M\n"
      "findmnt -no OPTIONS $M | grep -q '^ro,'\n"
      "umount $M\n",
      only_clouds());
  EXPECT_EQ(result.code, 0) << result.output;
}

TEST_F(Helper, OnlyRootRemounts) {
  if (!can_be_nobody()) GTEST_SKIP() << "/dev/fuse is root's";
  const Result result =
      script("runuser -u nobody -- /usr/sbin/mount.glancefs none $M -o remount,ro\n");
  EXPECT_EQ(result.code, kUsage);
  EXPECT_THAT(result.output, HasSubstr("only root can remount"));
}

TEST_F(Helper, RemountNeedsAMount) {
  const Result result = script("/usr/sbin/mount.glancefs none $M -o remount,ro\n");
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, HasSubstr("no glancefs is mounted here"));
}

TEST_F(Helper, MountAllMountsOnce) {
  write_fstab("dev " + mount_point_ + " glancefs ro,_netdev,nofail," + places() + " 0 0");
  const Result result = script(
      "mount -T $D/fstab -a\n"
      "mount -T $D/fstab -a\n"
      "findmnt -no SOURCE,FSTYPE $M\n"
      "umount $M\n",
      only_clouds());
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, testing::MatchesRegex("dev +fuse\\.glancefs\n"));
}

TEST_F(Helper, MountPassesTypesQuotesAndNoDescriptors) {
  add("a", "data");
  const Result result = script(
      "mkdir \"$D/ns/a,b\"\n"
      // Hangs if the daemon keeps the pipe.
      "said=$(mount -v -t glancefs.sub none $M -o \"cache-dir=\\\"$D/ns/a,b\\\",$O\" 2>&1)\n"
      "echo \"$said\" | grep -q 'mounted on'\n"
      "umount $M\n"
      "mount -t glancefs none $M -o \"$O,cache-dir=\\\"$D/ns/a,b\\\"\"\n"
      "cat $M/private/a\n"
      "findmnt -no OPTIONS $M | grep -q nosuid,nodev\n"
      "umount $M\n"
      "ls \"$D/ns/a,b\" | grep -q .\n"
      "mount -f -v -t glancefs none $M -o $O\n"
      "if mountpoint -q $M; then exit 1; fi\n");
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(StartsWith("data"), HasSubstr("would mount")));
}

TEST_F(Helper, AnOrdinaryUserMountsByFstab) {
  if (!can_be_nobody()) GTEST_SKIP() << "/dev/fuse is root's";
  add("a", "data");
  const std::string home = directory_ / "home";
  std::filesystem::create_directory(home);
  ASSERT_EQ(::chown(home.c_str(), 65534, 65534), 0);
  ASSERT_EQ(::chown(mount_point_.c_str(), 65534, 65534), 0);
  write_fstab("none " + mount_point_ + " glancefs noauto,user,_netdev," + places("/home") + " 0 0");
  const Result result = script(
      "runuser -u nobody -- mount $M\n"
      "runuser -u nobody -- cat $M/private/a\n"
      "findmnt -no OPTIONS $M | grep -q nosuid,nodev,noexec\n"
      "runuser -u nobody -- umount $M\n"
      "if mountpoint -q $M; then exit 1; fi\n");
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_EQ(result.output, "data");
}

TEST_F(Helper, AUsersMountGoesWithItsDaemon) {
  if (!can_be_nobody()) GTEST_SKIP() << "/dev/fuse is root's";
  const std::string home = directory_ / "home";
  std::filesystem::create_directory(home);
  ASSERT_EQ(::chown(home.c_str(), 65534, 65534), 0);
  ASSERT_EQ(::chown(mount_point_.c_str(), 65534, 65534), 0);
  const Result result =
      script("said=$(runuser -u nobody -- /usr/sbin/mount.glancefs -v $M -o " + places("/home") +
             " 2>&1)\n"
             "echo \"$said\" | grep -q 'mounted on'\n"
             "process=$(runuser -u nobody -- sed -n 's/^process *//p' $M/.glancefs/status)\n"
             "kill -KILL $process\n"
             "for i in $(seq 400); do mountpoint -q $M || exit 0; stat $M >/dev/null 2>&1 || :; "
             "grep -q $M /proc/self/mountinfo || exit 0; sleep 0.02; done\n"
             "grep $M /proc/self/mountinfo; exit 1\n");
  EXPECT_EQ(result.code, 0) << result.output;
}

TEST_F(Helper, RootsMountStaysUnlessAskedOtherwise) {
  const Result result = script(
      "mount -t glancefs none $M -o auto-unmount,$O\n"
      "kill -KILL $(sed -n 's/^process *//p' $M/.glancefs/status)\n"
      "for i in $(seq 400); do grep -q $M /proc/self/mountinfo || break; sleep 0.02; done\n"
      "if grep $M /proc/self/mountinfo; then exit 1; fi\n"
      "mount -t glancefs none $M -o $O\n"
      "kill -KILL $(sed -n 's/^process *//p' $M/.glancefs/status)\n"
      "while stat $M/private >/dev/null 2>&1; do :; done\n"
      "grep -q $M /proc/self/mountinfo\n");
  EXPECT_EQ(result.code, 0) << result.output;
}

TEST_F(Helper, ADaemonThatWasKilledLeavesNothingInTheTableOfMounts) {
  const Result result = script(
      "for i in 1 2 3; do\n"
      "  mount -t glancefs none $M -o $O\n"
      "  grep -c TARGET=$M /run/mount/utab\n"
      "  kill -9 $(sed -n 's/^process *//p' $M/.glancefs/status)\n"
      "  while stat $M/private >/dev/null 2>&1; do :; done\n"
      "done");
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("1\n"), Not(HasSubstr("2\n"))));
}

TEST_F(Helper, TakesAMountThatMountFuseHasMade) {
  if (sh("command -v mount.fuse3").code != 0) GTEST_SKIP() << "mount.fuse3 is not installed";
  add("a", "data");
  const std::string home = directory_ / "home";
  std::filesystem::create_directory(home);
  ASSERT_EQ(::chown(home.c_str(), 65534, 65534), 0);
  write_file(directory_ / "glancefs", "#!/bin/sh\nexec " GLANCEFS_PROGRAM " \"$@\"\n");
  std::filesystem::permissions(directory_ / "glancefs", std::filesystem::perms(0755));
  const Result result =
      script("mount.fuse3 \"$D/glancefs#none\" $M -o setuid=nobody,drop_privileges,allow_other," +
             places("/home") +
             "\n"
             "cat $M/private/a\n"
             "echo b > $M/private/b\n"
             "process=$(sed -n 's/^process *//p' $M/.glancefs/status)\n"
             "ps -o user= $process\n"
             "umount -i $M\n"
             "while kill -0 $process 2>/dev/null; do sleep 0.02; done\n");
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_EQ(result.output, "datanobody\n");
  EXPECT_FALSE(id_of("b").empty());
}

TEST_F(Helper, ADescriptorMustBeOfFuse) {
  const Result result = script("/usr/sbin/mount.glancefs /dev/fd/7 -o $O 7</dev/null\n");
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.output, HasSubstr("/dev/fd/7: not a descriptor of /dev/fuse"));
}

TEST_F(Helper, BgWaitsForTheNetworkAndForNothingElse) {
  const std::uint16_t port = free_port();
  Environment dead{{"OS_AUTH_URL", "http://127.0.0.1:" + std::to_string(port) + "/v3"}};
  const Environment wrong{{"OS_PASSWORD", "not-the-password"}};
  const std::string line = "/usr/sbin/mount.glancefs $M -o bg,";
  EXPECT_EQ(script(line + "$O", wrong).code, kFailed) << "credentials do not come with time";
  const Result given_up = script(line + "retry=0,$O", dead);
  EXPECT_EQ(given_up.code, kFailed) << given_up.output;
  EXPECT_THAT(given_up.output, HasSubstr("cannot reach"));

  write_file(directory_ / "wait",
             "exec 9<>$D/go\n"
             "read -r word <&9\n"
             "for i in $(seq 1000); do mountpoint -q $M && break; sleep 0.02; done\n"
             "ls $M\n"
             "umount $M\n");
  ASSERT_EQ(sh("mkfifo $D/go").code, 0);
  write_file(directory_ / "script", ". $D/prepare\n" + line + "$O\necho returned\n. $D/wait\n");
  Environment environment = openrc(cloud_.demo());
  environment.merge(Environment{{"M", mount_point_}, {"D", directory_.path()}, {"O", places()}});
  environment["OS_AUTH_URL"] = dead["OS_AUTH_URL"];
  Background background("exec unshare -m sh -e $D/script 2>&1", environment);
  ASSERT_TRUE(background.wait_for_output("returned")) << background.output();
  EXPECT_THAT(background.output(),
              AllOf(HasSubstr("cannot reach"), HasSubstr("going on trying in the background")));
  devcloud::Config config;
  config.keystone_port = port;
  const devcloud::DevCloud late(config);
  write_file(directory_ / "go", "up\n");
  EXPECT_EQ(background.wait(std::chrono::seconds(40)), 0) << background.output();
  EXPECT_THAT(background.output(), HasSubstr("private"));
}

TEST_F(Helper, UmountSpeaksOfWaitingToTerminalsOnly) {
  const auto waiting = [](const std::string& name) {
    return "mount -t glancefs none $M -o upload-delay=1h,shutdown-timeout=2,$O\nexec 3<> "
           "$M/private/" +
           name + "; echo data >&3; exec 3>&-\n";
  };
  const Result piped = script(waiting("a") + "umount $M\n");
  EXPECT_EQ(piped.code, 0) << piped.output;
  EXPECT_EQ(piped.output, "");
  const Result terminal = script(waiting("b") + "script -qec 'umount $M' /dev/null </dev/null\n");
  EXPECT_EQ(terminal.code, 0) << terminal.output;
  EXPECT_THAT(terminal.output, HasSubstr("waiting for uploads, 2 s at most"));
}

TEST_F(Helper, ASecondUmountDoesNotWait) {
  devcloud::Fault fault;
  fault.kind = devcloud::Fault::Kind::kRequestStall;
  fault.method = "PUT";
  fault.after = 1;
  cloud_.add_fault(fault);
  const Result result = script(
      "mount -t glancefs none $M -o upload-delay=1h,shutdown-timeout=3,$O\n"
      "exec 3<> $M/private/a; echo data >&3; exec 3>&-\n"
      "umount $M & first=$!\n"
      "while mountpoint -q $M; do sleep 0.02; done\n"
      "umount $M || echo second $?\n"
      "kill -0 $first && echo the first waits\n"
      "/usr/sbin/umount.fuse.glancefs $M || echo third $?\n"
      "wait $first || echo first $?\n");
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("second 32"), HasSubstr("the first waits"),
                                   HasSubstr("not mounted"), HasSubstr("third 32"),
                                   HasSubstr("not everything is uploaded"), HasSubstr("first 32")));
}

TEST_F(Helper, UmountTakesAllThatUmountPasses) {
  const Result result = script(
      "ln -s $M $D/link\n"
      "mount -t glancefs none $M -o $O\n"
      "umount -c -v -n $M\n"
      "mount -t glancefs none $M -o $O\n"
      "exec 3< $M/.glancefs/status\n"
      "umount $M || echo busy $?\n"
      "umount -r $M\n"
      "findmnt -no OPTIONS $M | grep '^ro'\n"
      "umount -l $M\n"
      "exec 3<&-\n"
      "mount -t glancefs none $M -o $O\n"
      "umount -f $M\n"
      "if mountpoint -q $M; then exit 1; fi\n");
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("unmounted"), HasSubstr("busy 32"),
                                   HasSubstr("ro,nosuid,nodev"), Not(HasSubstr("unknown"))));
}

}  // namespace
}  // namespace glancefs::mount_test
