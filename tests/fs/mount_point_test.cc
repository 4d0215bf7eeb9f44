#include "fs/mount/mount_point.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/fd.h"
#include "fs/mount/option_table.h"
#include "fs/mount/start_error.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::fs {
namespace {

using test::TemporaryDirectory;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Person kRoot{0, "root", "/root"};
const Person kAnn{1000, "ann", "/home/ann"};

TEST(Mountinfo, IsDecoded) {
  const auto mounts = parse_mountinfo(
      "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
      "nonsense\n"
      "99 22 0:50 / /mnt/my\\040images rw master:1 propagate_from:2 - fuse.glancefs a\\134b\\054 "
      "rw,user_id=1000,group_id=7\n"
      "98 22 0:49 / /x rw - tmpfs\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].target, "/");
  EXPECT_EQ(mounts[1].target, "/mnt/my images");
  EXPECT_EQ(mounts[1].type, "fuse.glancefs");
  EXPECT_EQ(mounts[1].source, "a\\b,");
  EXPECT_EQ(mounts[1].minor, 50U);
  EXPECT_EQ(mounts[1].owner, 1000U);
  EXPECT_EQ(mounts[0].minor, 1U);
  EXPECT_EQ(mounts[0].owner, 0U);
}

TEST(FuseConf, OnlyALineOfItsOwnCounts) {
  EXPECT_TRUE(allows_user_allow_other("# hi\n  user_allow_other  # yes\nmount_max = 5\n"));
  EXPECT_FALSE(allows_user_allow_other("#user_allow_other\n"));
  EXPECT_FALSE(allows_user_allow_other("user_allow_other = no\n"));
  EXPECT_FALSE(allows_user_allow_other("xuser_allow_other\n"));
  EXPECT_FALSE(allows_user_allow_other(""));
}

class MountPointTest : public ::testing::Test {
 protected:
  MountPointTest() {
    system_.mountinfo = file("mountinfo");
    system_.fuse_conf = file("fuse.conf");
    system_.fuse_device = "/dev/null";  // may be opened by everybody, as /dev/fuse
    system_.fusermounts = {file("none"), file("fusermount3")};
    target_ = file("mnt");
    std::filesystem::create_directory(target_);
  }
  std::string file(const std::string& name) const { return directory_.path() + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text;
  }
  void make_fusermount() const {
    write("fusermount3", "");
    ASSERT_EQ(::chown(file("fusermount3").c_str(), 0, 0), 0);
    ASSERT_EQ(::chmod(file("fusermount3").c_str(), 04755), 0);
  }

  /// The text of what check() throws, and the code in front of it.
  template <typename Check>
  static std::string error_of(const Check& check) {
    try {
      check();
    } catch (const StartError& e) {
      return fmt::format("{} {}|{}", static_cast<int>(e.code()), e.what(), e.hint());
    }
    return "no error";
  }
  std::string directory_error(const std::string& path, const Person& person = kRoot) const {
    return error_of([&] { MountPoint(person, system_).check_directory(path, "prod"); });
  }
  std::string fuse_error(const Person& person, bool allow_other = false) const {
    Options options = default_options();
    options.allow_other = allow_other;
    return error_of([&] { MountPoint(person, system_).check_fuse(options); });
  }

  TemporaryDirectory directory_;
  MountSystem system_;
  std::string target_;
};

TEST_F(MountPointTest, AnEmptyDirectoryIsFine) {
  const auto checked = MountPoint(kRoot, system_).check_directory(target_, "prod");
  EXPECT_EQ(checked.path, std::filesystem::canonical(target_));
  EXPECT_THAT(checked.notes, IsEmpty());
}

TEST_F(MountPointTest, LinksAreFollowedAndContentIsMentioned) {
  write("mnt/file", "x");
  std::filesystem::create_directory_symlink(target_, file("link"));
  const auto checked = MountPoint(kRoot, system_).check_directory(file("link"), "prod");
  EXPECT_EQ(checked.path, std::filesystem::canonical(target_));
  EXPECT_THAT(checked.notes, ElementsAre(HasSubstr("not empty")));
}

TEST_F(MountPointTest, RefusesWhatIsNoDirectory) {
  write("plain", "");
  EXPECT_EQ(directory_error(file("missing")), "32 " + file("missing") + ": no such directory|");
  EXPECT_EQ(directory_error(file("plain")), "32 " + file("plain") + ": not a directory|");
  EXPECT_THAT(directory_error(file("plain") + "/below"), HasSubstr("Not a directory"));
}

TEST_F(MountPointTest, RefusesToMountTheSameTwice) {
  const std::string where = std::filesystem::canonical(target_);
  const auto line = [&](const std::string& what) { return "9 1 0:5 / " + where + " rw - " + what; };
  write("mountinfo", line("fuse.glancefs prod rw\n"));
  EXPECT_EQ(directory_error(target_), "32 " + target_ + ": already a mount of prod|");
  write("mountinfo", line("fuse.glancefs test rw\n"));
  EXPECT_EQ(directory_error(target_), "no error");
  write("mountinfo", line("fuse.glancefs prod rw\n") + line("tmpfs prod rw\n"));
  EXPECT_EQ(directory_error(target_), "no error") << "something else lies on top";
}

TEST_F(MountPointTest, UsersNeedAWritableDirectory) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to act as somebody else";
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  ASSERT_EQ(::seteuid(65534), 0);
  const std::string refused = directory_error(target_, {65534, "ann", "/"});
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(refused, "32 " + target_ + ": not writable by ann (needed to mount as a user)|");
}

TEST_F(MountPointTest, FuseMustBeThere) {
  EXPECT_EQ(fuse_error(kRoot), "no error");
  system_.fuse_device = file("no-fuse");
  EXPECT_THAT(fuse_error(kRoot), HasSubstr("2 " + file("no-fuse") + " is missing|load the fuse"));
}

TEST_F(MountPointTest, UsersNeedFusermount) {
  EXPECT_EQ(fuse_error(kAnn), "2 fusermount3 not found or not set-uid root|apt install fuse3");
  write("fusermount3", "");  // there, but without privileges
  EXPECT_THAT(fuse_error(kAnn), HasSubstr("not set-uid root"));
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to make a set-uid file";
  make_fusermount();
  EXPECT_EQ(fuse_error(kAnn), "no error");
}

TEST_F(MountPointTest, NoNewPrivilegesIsNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to make a set-uid file";
  make_fusermount();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::_exit(fuse_error(kAnn).starts_with("2 fusermount3 cannot gain privileges") ? 0 : 1);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(MountPointTest, UsersNeedPermissionForAllowOther) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to make a set-uid file";
  make_fusermount();
  EXPECT_EQ(fuse_error(kAnn, true),
            "1 allow_other needs the line user_allow_other in " + system_.fuse_conf + "|");
  write("fuse.conf", "user_allow_other\n");
  EXPECT_EQ(fuse_error(kAnn, true), "no error");
  write("fuse.conf", "");
  EXPECT_EQ(fuse_error(kRoot, true), "no error");
}

/// Mounts as a daemon does, and "dies" at once.
bool mount_dead(const std::string& target, const char* type) {
  const Fd device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!device) return false;
  const std::string data =
      fmt::format("fd={},rootmode=40000,user_id=0,group_id=0,subtype={}", device.get(), type);
  return ::mount("prod", target.c_str(), "fuse", MS_NOSUID | MS_NODEV, data.c_str()) == 0;
}

TEST_F(MountPointTest, AGlancefsThatDiedIsReplaced) {
  if (!mount_dead(target_, "glancefs")) GTEST_SKIP() << "mount(2) is not to be had here";
  system_.mountinfo = "/proc/self/mountinfo";
  ASSERT_FALSE(std::filesystem::exists(target_ + "/x", *std::make_unique<std::error_code>()));
  const auto checked = MountPoint(kRoot, system_).check_directory(target_, "prod");
  EXPECT_THAT(checked.notes,
              ElementsAre(target_ + ": stale mount of a glancefs that died; replaced"));
  EXPECT_TRUE(std::filesystem::is_empty(target_));
  EXPECT_FALSE(MountPoint(kRoot, system_).clear_stale(target_)) << "nothing is left to clear";
}

TEST_F(MountPointTest, TheDeadMountOfAnotherProgramIsLeftAlone) {
  if (!mount_dead(target_, "sshfs")) GTEST_SKIP() << "mount(2) is not to be had here";
  system_.mountinfo = "/proc/self/mountinfo";
  EXPECT_THAT(directory_error(target_), HasSubstr("not connected"));
  EXPECT_EQ(::umount2(target_.c_str(), MNT_DETACH), 0);
}

TEST(MountNamespace, ABadOneIsAnError) {
  EXPECT_THROW(enter_mount_namespace("/proc/self/no-such-namespace"), std::system_error);
  EXPECT_THROW(enter_mount_namespace("/dev/null"), std::system_error);
}

}  // namespace
}  // namespace glancefs::fs
