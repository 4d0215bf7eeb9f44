// What people do with a mount, with the programs they use.
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Everyday : public MountedCloud {};

TEST_F(Everyday, TheFourDirectoriesAreThere) {
  mount();
  EXPECT_EQ(out("ls $M"), "community\nprivate\npublic\nshared");
  EXPECT_THAT(out("findmnt -no FSTYPE,OPTIONS $M"),
              AllOf(StartsWith("fuse.glancefs"), HasSubstr("nosuid"), HasSubstr("nodev"),
                    HasSubstr("default_permissions")));
  unmount();
}

TEST_F(Everyday, ImagesAreListedWithSizeAndTimes) {
  const std::string data = pattern(100'000);
  add("debian 12", data);
  mount();
  EXPECT_EQ(out("ls $M/private"), "debian 12");
  EXPECT_EQ(out("stat -c '%s %F %a' \"$M/private/debian 12\""), "100000 regular file 644");
  const auto image = cloud_.image(id_of("debian 12"));
  EXPECT_EQ(out("stat -c %Y \"$M/private/debian 12\""),
            std::to_string(std::chrono::system_clock::to_time_t(image->created_at)));
}

TEST_F(Everyday, InodesSurviveARemount) {
  add("a", "data");
  mount();
  const std::string inode = out("stat -c %i $M/private/a");
  unmount();
  mount();
  EXPECT_EQ(out("stat -c %i $M/private/a"), inode);
}

TEST_F(Everyday, ReadingGivesTheBytesWhoeverReads) {
  const std::string data = pattern(5'000'000);
  add("a", data);
  mount();
  write_file(directory_ / "a", data);
  EXPECT_EQ(sh("cmp $M/private/a $D/a").code, 0);
  EXPECT_EQ(sh("dd if=$M/private/a bs=4k iflag=direct status=none | cmp - $D/a").code, 0);
  EXPECT_EQ(out("tail -c 10 $M/private/a"), data.substr(data.size() - 10));
  EXPECT_EQ(
      out("sha512sum < $M/private/a | cut -d' ' -f1"),
      out("getfattr --absolute-names -n user.glance.os_hash_value --only-values $M/private/a"));
  EXPECT_EQ(out("getfattr --absolute-names -n user.glancefs.cached --only-values $M/private/a"),
            "100% sealed");
}

TEST_F(Everyday, APartOfALargeImageFetchesLittle) {
  const std::string id = cloud_.add_image(
      devcloud::image_named("big"),
      devcloud::Blob::sparse(4ULL << 30, {{.offset = 0, .bytes = "head"}}),
      devcloud::Hashes{.md5 = std::string(32, '0'), .sha512 = std::string(128, '0')});
  mount();
  EXPECT_THAT(out("qemu-img info $M/private/big"), HasSubstr("file format: raw"));
  EXPECT_EQ(out("head -c 4 $M/private/big"), "head");
  std::uint64_t sent = 0;
  for (const devcloud::LogEntry& entry : cloud_.log()) {
    if (entry.path.find(id + "/file") != std::string::npos) sent += entry.sent;
  }
  EXPECT_LE(sent, 1U << 20);
  EXPECT_GT(sent, 0U);
}

TEST_F(Everyday, TheCacheSurvivesARemountAndAKill) {
  const std::string data = pattern(3'000'000);
  add("a", data);
  mount();
  write_file(directory_ / "a", data);
  EXPECT_EQ(sh("cmp $M/private/a $D/a").code, 0);
  unmount();
  cloud_.clear_log();
  mount();
  EXPECT_EQ(sh("cmp $M/private/a $D/a").code, 0);
  EXPECT_EQ(cloud_.requests("GET", "/v2/images/{id}/file"), 0U);
  kill_daemon();
  mount();
  EXPECT_EQ(sh("cmp $M/private/a $D/a").code, 0);
  EXPECT_EQ(cloud_.requests("GET", "/v2/images/{id}/file"), 0U);
}

TEST_F(Everyday, ASealedImageIsReadByTheKernel) {
  const std::string data = pattern(3'000'000);
  add("a", data);
  mount();
  if (out("grep ^reads $M/.glancefs/status") != "reads      by the kernel (passthrough)") {
    GTEST_SKIP() << out("grep ^reads $M/.glancefs/status");
  }
  write_file(directory_ / "a", data);
  const auto cached = [this] {
    return out("getfattr --absolute-names -n user.glancefs.cached --only-values $M/private/a");
  };
  EXPECT_EQ(cached(), "0%");
  EXPECT_EQ(sh("cmp $M/private/a $D/a").code, 0);
  EXPECT_EQ(cached(), "100% sealed");
  const std::string before = out("grep -E '^(cache|fetched)' $M/.glancefs/status");
  EXPECT_EQ(sh("cmp $M/private/a $D/a && cmp $M/private/a $M/private/a").code, 0);
  EXPECT_EQ(out("grep -E '^(cache|fetched)' $M/.glancefs/status"), before)
      << "nothing is fetched, nor read from the cache by the daemon";
  unmount();
  mount();
  EXPECT_EQ(sh("cmp $M/private/a $D/a").code, 0);
  EXPECT_THAT(out("cat $M/.glancefs/status"),
              AllOf(HasSubstr(", 0 KiB read"), HasSubstr("fetched    0 KiB")));
  unmount();
  mount("passthrough=no");
  EXPECT_EQ(sh("cmp $M/private/a $D/a").code, 0);
  EXPECT_THAT(
      out("cat $M/.glancefs/status"),
      AllOf(HasSubstr("reads      by the daemon: switched off"), Not(HasSubstr(", 0 KiB read"))));
}

TEST_F(Everyday, PropertiesAreAttributes) {
  add("a", "data");
  mount();
  EXPECT_EQ(sh("setfattr -n user.glance.os_distro -v debian $M/private/a").code, 0);
  EXPECT_EQ(sh("setfattr -n user.glance.tags -v x,y $M/private/a").code, 0);
  EXPECT_EQ(cloud_.image(id_of("a"))->properties.at("os_distro"), "debian");
  EXPECT_EQ(cloud_.image(id_of("a"))->tags, (std::set<std::string>{"x", "y"}));
  EXPECT_THAT(out("getfattr --absolute-names -d $M/private/a"),
              AllOf(HasSubstr("user.glance.os_distro=\"debian\""),
                    HasSubstr("user.glance.status=\"active\""), Not(HasSubstr("user.glancefs"))));
  EXPECT_EQ(sh("setfattr -x user.glance.os_distro $M/private/a").code, 0);
  EXPECT_FALSE(cloud_.image(id_of("a"))->properties.contains("os_distro"));
  EXPECT_THAT(sh("setfattr -n user.glance.id -v x $M/private/a").output,
              HasSubstr("Operation not permitted"));
  EXPECT_THAT(sh("setfattr -n user.glance.context -v x $M/private/a").output,
              HasSubstr("Invalid argument"));
  EXPECT_THAT(sh("setfattr -n user.other -v x $M/private/a").output,
              HasSubstr("Operation not supported"));
}

TEST_F(Everyday, RenamingMovingProtectingAndRemoving) {
  add("a", "data");
  mount();
  const std::string id = id_of("a");
  EXPECT_EQ(sh("mv $M/private/a $M/private/b").code, 0);
  EXPECT_EQ(cloud_.image(id)->name, "b");
  EXPECT_EQ(sh("mv $M/private/b $M/community/").code, 0);
  EXPECT_EQ(cloud_.image(id)->visibility, "community");
  EXPECT_THAT(sh("mv $M/community/b $M/public/").output, HasSubstr("Permission denied"));
  EXPECT_THAT(reason("community/b"), HasSubstr("publicize_image"));
  EXPECT_EQ(sh("chmod a-w $M/community/b").code, 0);
  EXPECT_TRUE(cloud_.image(id)->is_protected);
  EXPECT_THAT(sh("rm -f $M/community/b").output, HasSubstr("Operation not permitted"));
  EXPECT_EQ(sh("chmod u+w $M/community/b && rm $M/community/b").code, 0);
  EXPECT_FALSE(cloud_.image(id));
  EXPECT_EQ(out("ls $M/community"), "");
}

TEST_F(Everyday, AnImageInTheMountIsABackingFile) {
  add("base", pattern(1 << 20));
  mount();
  EXPECT_EQ(sh("qemu-img create -q -f qcow2 -F raw -b $M/private/base $D/overlay.qcow2").code, 0);
  write_file(directory_ / "base", pattern(1 << 20));
  EXPECT_EQ(sh("qemu-img compare $D/base $D/overlay.qcow2").code, 0);
}

TEST_F(Everyday, FormatsAreFoundAndAttributesSetWhileWritingWin) {
  mount();
  EXPECT_EQ(sh("qemu-img create -q -f qcow2 $D/q 1M && cp $D/q $M/private/").code, 0);
  EXPECT_EQ(cloud_.image(id_of("q"))->disk_format, "qcow2");
  write_file(directory_ / "a", "data");
  EXPECT_EQ(sh("setfattr -n user.glance.disk_format -v iso $D/a && cp -a $D/a $M/private/").code,
            0);
  EXPECT_EQ(cloud_.image(id_of("a"))->disk_format, "iso");
}

TEST_F(Everyday, ImagesOfStrangersWithHostileNamesHarmNobody) {
  add("../../etc/passwd", "x");
  add(".", "x");
  add("..", "x");
  add("", "x");
  add("new\nline\x1b[31m", "x");
  add(std::string("nul\0byte", 8), "x");
  add("twin", "1");
  add("twin", "2");
  add("plain", "x");
  mount();
  EXPECT_EQ(out("find $M/private -type f -print0 | tr -cd '\\0' | wc -c"), "9");
  EXPECT_EQ(out("find $M/private -type f -exec cat {} + | wc -c"), "9");
  EXPECT_THAT(out("ls -Ab $M/private"), AllOf(HasSubstr("..%2F..%2Fetc%2Fpasswd"), HasSubstr("%2E"),
                                              HasSubstr("nul%00byte"), HasSubstr("plain")));
}

TEST_F(Everyday, ReadOnlyMountsRefuseEveryChange) {
  add("a", "data");
  mount("ro");
  write_file(directory_ / "b", "data");
  EXPECT_THAT(sh("cp $D/b $M/private/").output, HasSubstr("Read-only file system"));
  EXPECT_THAT(sh("rm -f $M/private/a").output, HasSubstr("Read-only file system"));
  EXPECT_THAT(sh("setfattr -n user.glance.x -v y $M/private/a").output,
              HasSubstr("Read-only file system"));
  EXPECT_EQ(out("cat $M/private/a"), "data");
}

TEST_F(Everyday, OwnerAndModeFollowTheOptions) {
  add("a", "data");
  mount("uid=1234,gid=2345,umask=077");
  EXPECT_EQ(out("stat -c '%u %g %a' $M/private/a"), "1234 2345 600");
  EXPECT_EQ(out("stat -c '%a' $M/private"), "700");
}

TEST_F(Everyday, StatusTellsWhatAPersonAsks) {
  add("a", "data");
  mount();
  EXPECT_THAT(out("cat $M/.glancefs/status"), AllOf(HasSubstr("project"), HasSubstr("demo"),
                                                    HasSubstr("cache"), HasSubstr("images")));
  EXPECT_THAT(out("ls -A $M"), Not(HasSubstr(".glancefs"))) << "not listed";
  EXPECT_EQ(out("cat $M/.glancefs/by-id/" + id_of("a")), "data");
}

TEST_F(Everyday, TenThousandImagesTakeElevenPages) {
  for (int i = 0; i < 10'000; ++i) {
    cloud_.add_image(devcloud::image_named("image-" + std::to_string(i)));
  }
  cloud_.clear_log();
  mount();
  EXPECT_EQ(out("ls $M/private | wc -l"), "10000");
  EXPECT_EQ(out("ls -l $M/private | grep -c image-"), "10000");
  EXPECT_LE(cloud_.requests("GET", "/v2/images"), 13U);
  EXPECT_EQ(cloud_.requests("GET", "/v2/images/{id}"), 0U);
}

TEST_F(Everyday, AMappedImageIsReadLikeAnyOther) {
  const std::string data = pattern(300'000);
  add("a", data);
  mount();
  write_file(directory_ / "a", data);
  EXPECT_EQ(out("python3 -c 'import mmap,sys,os; f=open(os.environ[\"M\"]+\"/private/a\",\"rb\"); "
                "m=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ); "
                "sys.stdout.write(str(m[:]==open(os.environ[\"D\"]+\"/a\",\"rb\").read()))'"),
            "True");
}

}  // namespace
}  // namespace glancefs::mount_test
