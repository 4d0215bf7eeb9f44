// The kernel remembers names, attributes and listings for long, and yet shows what is: of what
// changes it is told.
#include <sys/utsname.h>

#include <csignal>
#include <cstdio>

#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::HasSubstr;

// Whether the kernel can be told of changes: Linux 6.16. Older ones remember for a second.
bool kernel_listens() {
  utsname system{};
  int major = 0, minor = 0;
  // NOLINTNEXTLINE(cert-err34-c): what cannot be read is old
  if (::uname(&system) != 0 || std::sscanf(system.release, "%d.%d", &major, &minor) != 2) {
    return false;
  }
  return major > 6 || (major == 6 && minor >= 16);
}

class Freshness : public MountedCloud {
 protected:
  void SetUp() override {
    if (!kernel_listens()) GTEST_SKIP() << "this kernel cannot be told of changes";
    MountedCloud::SetUp();
  }
  /// Has the kernel remember all there is to remember of private/.
  void look() {
    out("ls -l $M/private > $D/seen; ls $M/private > $D/seen; stat -t $M/private/* > $D/seen; "
        "true");
  }
  void rename_elsewhere(const std::string& id, const std::string& name) {
    ASSERT_TRUE(cloud_.change_image(id, [&](devcloud::Image& image) { image.name = name; }));
  }
  void refresh() { EXPECT_EQ(sh("setfattr -n user.glancefs.refresh -v 1 $M/private").code, 0); }
  bool exists(const std::string& name) { return sh("test -e $M/private/" + name).code == 0; }
  std::string names() { return out("ls $M/private"); }
};

TEST_F(Freshness, TheKernelAnswersByItselfWhatItHasSeen) {
  add("a", "data");
  mount();
  look();
  daemon_->signal(SIGSTOP);
  const Result stat = sh("timeout 5 stat -c %s $M/private/a");
  daemon_->signal(SIGCONT);
  EXPECT_EQ(stat.code, 0);
  EXPECT_EQ(stat.output, "4\n");
}

TEST_F(Freshness, ListingsCostNoRequestToTheCloud) {
  for (int i = 0; i < 300; ++i) add("image-" + std::to_string(i), "data");
  mount();
  cloud_.clear_log();
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(out("ls -l $M/private | grep -c image-"), "300");
    EXPECT_EQ(out("find $M/private -type f -size -2 | wc -l"), "300");
  }
  EXPECT_EQ(cloud_.requests(), 0U);
}

TEST_F(Freshness, WhatChangesElsewhereShowsAfterAPoll) {
  const std::string id = add("a", "data");
  add("other", "data");
  mount("metadata-ttl=1");
  look();
  rename_elsewhere(id, "b");
  EXPECT_TRUE(eventually([&] { return exists("b") && !exists("a"); }));
  EXPECT_EQ(names(), "b\nother");
  ASSERT_TRUE(cloud_.change_image(id, [](devcloud::Image& image) { image.is_protected = true; }));
  EXPECT_TRUE(eventually([&] { return out("stat -c %a $M/private/b") == "444"; }));
}

TEST_F(Freshness, ARefreshIsSeenByTheNextCommand) {
  const std::string id = add("a", "data");
  const std::string doomed = add("doomed", "data");
  mount();
  look();
  EXPECT_FALSE(exists("made-elsewhere"));
  rename_elsewhere(id, "b");
  add("made-elsewhere", "data");
  ASSERT_TRUE(cloud_.delete_image(doomed));
  EXPECT_EQ(names(), "a\ndoomed") << "nobody has asked yet";
  refresh();
  EXPECT_EQ(names(), "b\nmade-elsewhere");
  EXPECT_TRUE(exists("made-elsewhere")) << "though it was just known to be absent";
  EXPECT_FALSE(exists("a"));
  EXPECT_FALSE(exists("doomed"));
}

TEST_F(Freshness, ANameThatAnotherImageGetsLeadsToThat) {
  add("twin", "old");
  devcloud::Image younger = devcloud::image_named("twin");
  younger.created_at = std::chrono::system_clock::now() + std::chrono::seconds(5);
  const std::string id = cloud_.add_image(younger, devcloud::Blob("younger"));
  mount();
  look();
  EXPECT_EQ(out("stat -c %s $M/private/twin"), "7");
  ASSERT_TRUE(cloud_.delete_image(id));
  refresh();
  EXPECT_EQ(out("stat -c %s $M/private/twin"), "3");
  EXPECT_EQ(out("cat $M/private/twin"), "old");
  EXPECT_EQ(names(), "twin") << "and is no alias any more";
}

TEST_F(Freshness, OwnChangesAreSeenByTheNextCommand) {
  add("a", "data");
  mount();
  look();
  EXPECT_EQ(out("setfattr -n user.glance.name -v b $M/private/a && ls $M/private"), "b");
  EXPECT_EQ(out("test -e $M/private/a || echo gone"), "gone");
  EXPECT_EQ(out("setfattr -n user.glance.visibility -v community $M/private/b && ls $M/private"),
            "");
  EXPECT_EQ(out("ls $M/community"), "b");
  EXPECT_EQ(out("mv $M/community/b $M/private/c && ls $M/private"), "c");
  EXPECT_EQ(out("chmod a-w $M/private/c && stat -c %a $M/private/c"), "444");
  EXPECT_EQ(out("chmod u+w $M/private/c && rm $M/private/c && ls $M/private"), "");
  EXPECT_EQ(out("echo text > $M/private/new && sync $M/private/new && ls $M/private"), "new");
}

// Listing after listing while images come and go: each name that is there all the time is in each.
TEST_F(Freshness, AListingMissesNothingWhileOthersChange) {
  for (int i = 0; i < 1500; ++i) add("stays-" + std::to_string(i), "data");
  mount();
  for (int round = 0; round < 10; ++round) {
    const std::string id = add("comes-" + std::to_string(round), "data");
    if (round % 2 == 1) {
      ASSERT_TRUE(cloud_.delete_image(id));
    }
    const std::string listings = "for i in 1 2 3 4; do ls -U $M/private | grep -c stays; done";
    EXPECT_EQ(out("setfattr -n user.glancefs.refresh -v 1 $M/private & " + listings + "; wait"),
              "1500\n1500\n1500\n1500");
    look();
  }
  EXPECT_EQ(out("ls $M/private | grep -c comes"), "5");
}

}  // namespace
}  // namespace glancefs::mount_test
