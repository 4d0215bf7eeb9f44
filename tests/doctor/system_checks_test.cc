// What doctor says of a machine, told by injected files and facts.
#include "fs/doctor/system_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fs/doctor/directory_checks.h"
#include "fs/doctor/doctor.h"
#include "fs/doctor/patient_read.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::fs {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const Person kRoot{0, "root", "/root"};
const Person kAnn{1000, "ann", "/home/ann"};

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

class SystemChecks : public testing::Test {
 protected:
  SystemChecks() {
    places_.mount = {.mountinfo = file("mountinfo"),
                     .fuse_conf = file("fuse.conf"),
                     .fuse_device = "/dev/null",  // may be opened by everybody, as /dev/fuse
                     .fusermounts = {file("fusermount3")}};
    places_.helper_directory = directory_.path();
    places_.updatedb_conf = file("updatedb.conf");
  }
  std::string file(const std::string& name) const { return directory_ / name; }
  void write(const std::string& name, const std::string& text, mode_t mode = 0644) {
    std::ofstream(file(name)) << text;
    ASSERT_EQ(::chmod(file(name).c_str(), mode), 0);
  }

  test::TemporaryDirectory directory_;
  SystemPlaces places_;
};

TEST_F(SystemChecks, Fuse) {
  EXPECT_EQ(check_fuse(places_, kRoot).verdict, Verdict::kOk);
  const Finding no_helper = check_fuse(places_, kAnn);
  EXPECT_EQ(no_helper.verdict, Verdict::kFailed);
  EXPECT_THAT(no_helper.hint, HasSubstr("fuse3"));
  write("fusermount3", "", 04755);
  // Set-uid root it is only when root has made it.
  const Verdict usable = ::geteuid() == 0 ? Verdict::kOk : Verdict::kFailed;
  EXPECT_EQ(check_fuse(places_, kAnn).verdict, usable);
  places_.mount.fuse_device = file("none");
  const Finding no_device = check_fuse(places_, kRoot);
  EXPECT_EQ(no_device.verdict, Verdict::kFailed);
  EXPECT_THAT(no_device.hint, HasSubstr("--device /dev/fuse"));
}

TEST_F(SystemChecks, AllowOtherMattersToWhoWantsIt) {
  EXPECT_EQ(check_allow_other(places_, kRoot, true).verdict, Verdict::kOk);
  EXPECT_EQ(check_allow_other(places_, kAnn, false).verdict, Verdict::kOk);
  EXPECT_EQ(check_allow_other(places_, kAnn, true).verdict, Verdict::kFailed);
  write("fuse.conf", "user_allow_other\n");
  EXPECT_EQ(check_allow_other(places_, kAnn, true).verdict, Verdict::kOk);
}

TEST_F(SystemChecks, HelpersThatMountDoesNotFind) {
  write("mount.glancefs", "", 0755);
  write("mount.fuse.glancefs", "", 0755);
  const Finding one = check_helpers(places_);
  EXPECT_EQ(one.verdict, Verdict::kWarning);
  EXPECT_THAT(one.detail,
              AllOf(HasSubstr("umount.fuse.glancefs"), Not(HasSubstr(file("mount.glancefs")))));
  write("umount.fuse.glancefs", "", 0755);
  EXPECT_EQ(check_helpers(places_).verdict, Verdict::kOk);
}

TEST_F(SystemChecks, Updatedb) {
  EXPECT_EQ(check_updatedb(places_).verdict, Verdict::kOk) << "there is none";
  write("updatedb.conf", "PRUNEFS=\"NFS fuse.sshfs\"\n");
  EXPECT_EQ(check_updatedb(places_).verdict, Verdict::kWarning);
  write("updatedb.conf", "PRUNE_BIND_MOUNTS=\"yes\"\nPRUNEFS = \"NFS fuse.glancefs tmpfs\" # x\n");
  EXPECT_EQ(check_updatedb(places_).verdict, Verdict::kOk);
  EXPECT_FALSE(prunes_glancefs("#PRUNEFS=\"fuse.glancefs\"\n"));
  EXPECT_FALSE(prunes_glancefs("PRUNEFS=\"fuse.glancefsx\"\n"));
  EXPECT_FALSE(prunes_glancefs("PRUNEPATHS=\"fuse.glancefs\"\n"));
}

TEST_F(SystemChecks, MountPoint) {
  const std::string here = file("here");
  EXPECT_EQ(check_mount_point(places_, kRoot, here).verdict, Verdict::kFailed) << "not there";
  std::filesystem::create_directory(here);
  EXPECT_EQ(check_mount_point(places_, kRoot, here).verdict, Verdict::kOk);
  write("here/file", "");
  EXPECT_EQ(check_mount_point(places_, kRoot, here).verdict, Verdict::kWarning) << "not empty";
  write("mountinfo", "99 22 0:50 / " + here + " rw - fuse.glancefs prod rw\n");
  const Finding mounted = check_mount_point(places_, kRoot, here);
  EXPECT_EQ(mounted.verdict, Verdict::kOk);
  EXPECT_THAT(mounted.detail, HasSubstr("is a mount of prod"));
}

TEST_F(SystemChecks, AMountThatCannotBeLookedAtHasNotDied) {
  const std::string hidden = file("hidden");  // as that of another user, without allow_other
  write("mountinfo", "99 22 0:50 / " + hidden + " rw - fuse.glancefs prod rw\n");
  EXPECT_THAT(check_mount_point(places_, kRoot, hidden).detail, HasSubstr("is a mount of prod"));
}

TEST_F(SystemChecks, OnlyMountsOnTopCount) {
  write("mountinfo",
        "90 22 0:50 / /a rw - fuse.glancefs under rw\n"
        "91 22 0:51 / /a rw - tmpfs tmpfs rw\n"
        "92 22 0:52 / /b rw - fuse.glancefs prod rw\n"
        "93 22 0:53 / /c rw - fuse.sshfs host rw\n");
  const auto mounts = glancefs_mounts(file("mountinfo"));
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_EQ(mounts.front().target, "/b");
}

TEST_F(SystemChecks, FilesAreReadInAChildThatMayHang) {
  write("text", std::string(100'000, 'a') + "end");
  EXPECT_THAT(text_of_file(file("text"), std::chrono::seconds(10)), HasSubstr("aend"));
  EXPECT_EQ(text_of_file(file("text"), std::chrono::seconds(10), 4), "aend");
  EXPECT_THROW(text_of_file(file("none"), std::chrono::seconds(10)), std::system_error);
  // Nobody writes to it, as a daemon that hangs.
  ASSERT_EQ(::mkfifo(file("fifo").c_str(), 0600), 0);
  try {
    text_of_file(file("fifo"), std::chrono::milliseconds(50));
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ETIMEDOUT);
  }
}

class DirectoryChecks : public testing::Test {
 protected:
  static DirectoryFacts facts(const std::string& type, std::uint64_t free = 100 * kGiB) {
    return {.path = "/c",
            .existing = "/c",
            .error = {},
            .filesystem = type,
            .size = 200 * kGiB,
            .free = free};
  }
  const Amount kept_free_{.bytes = 10 * kGiB};
};

TEST_F(DirectoryChecks, WhereTheCacheIs) {
  EXPECT_EQ(check_cache_directory(facts("ext4"), kept_free_).verdict, Verdict::kOk);
  EXPECT_EQ(check_cache_directory(facts("ext4", 9 * kGiB), kept_free_).verdict, Verdict::kWarning);
  EXPECT_EQ(check_cache_directory(facts("tmpfs"), kept_free_).verdict, Verdict::kWarning);
  EXPECT_EQ(check_cache_directory(facts("nfs"), kept_free_).verdict, Verdict::kWarning);
  DirectoryFacts bad = facts("ext4");
  bad.error = "others can write it";
  EXPECT_EQ(check_cache_directory(bad, kept_free_).verdict, Verdict::kFailed);
}

TEST_F(DirectoryChecks, WhereUploadsWait) {
  EXPECT_EQ(check_state_directory(facts("ext4")).verdict, Verdict::kOk);
  EXPECT_EQ(check_state_directory(facts("tmpfs")).verdict, Verdict::kWarning);
  EXPECT_EQ(check_state_directory(facts("ext4", kGiB / 2)).verdict, Verdict::kWarning);
}

TEST_F(DirectoryChecks, Passthrough) {
  const auto detail = [&](const std::string& type, uid_t uid, const std::string& release,
                          bool wanted = true) {
    return check_passthrough(facts(type), uid, release, wanted).detail;
  };
  EXPECT_THAT(detail("ext4", 0, "6.9.0"), HasSubstr("the kernel reads"));
  EXPECT_THAT(detail("ext4", 0, "7.0"), HasSubstr("the kernel reads"));
  EXPECT_THAT(detail("ext4", 0, "6.8.12-amd64"), HasSubstr("by the daemon"));
  EXPECT_THAT(detail("ext4", 0, "5.10"), HasSubstr("by the daemon"));
  EXPECT_THAT(detail("ext4", 1000, "6.9.0"), HasSubstr("only root"));
  EXPECT_THAT(detail("ext4", 0, "6.9.0", false), HasSubstr("passthrough=no"));
  EXPECT_EQ(check_passthrough(facts("overlay"), 0, "6.9.0", true).verdict, Verdict::kWarning);
}

TEST_F(DirectoryChecks, WhatThereIsIsLookedAt) {
  const test::TemporaryDirectory place;
  const DirectoryFacts own = look_at_directory(place.path());
  EXPECT_THAT(own.error, IsEmpty());
  EXPECT_GT(own.size, 0U);
  EXPECT_GE(own.size, own.free);
  EXPECT_EQ(std::filesystem::is_empty(place.path()), true) << "it leaves nothing";
  const DirectoryFacts deep = look_at_directory(place / "a/b/c");
  EXPECT_EQ(deep.existing, place.path());
  EXPECT_THAT(deep.error, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(place / "a"));
  std::filesystem::create_directory(place / "open");
  ASSERT_EQ(::chmod((place / "open").c_str(), 0777), 0);
  EXPECT_THAT(look_at_directory(place / "open").error, HasSubstr("others can write it"));
  std::filesystem::create_symlink("open", place / "link");
  EXPECT_THAT(look_at_directory(place / "link").error, HasSubstr("symbolic link"));
  std::ofstream(place / "file") << "";
  EXPECT_THAT(look_at_directory(place / "file").error, HasSubstr("not a directory"));
}

TEST(Findings, TheWorstCounts) {
  EXPECT_EQ(worst_of({}), Verdict::kOk);
  EXPECT_EQ(worst_of({ok("a"), skipped("b")}), Verdict::kOk);
  EXPECT_EQ(worst_of({warning("a", ""), ok("b")}), Verdict::kWarning);
  EXPECT_EQ(worst_of({failed("a"), warning("b", "")}), Verdict::kFailed);
}

TEST(Findings, AsText) {
  Finding slow = warning("it is \x1b[31m slow", "wait");
  slow.check = "login";
  slow.took = std::chrono::milliseconds(1234);
  EXPECT_EQ(finding_text(slow),
            "warning  login        it is \\x1b[31m slow (1.2 s)\n  hint: wait\n");
}

}  // namespace
}  // namespace glancefs::fs
