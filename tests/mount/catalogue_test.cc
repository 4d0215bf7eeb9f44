// The catalogue under a mount: what it costs the cloud, what is kept of it, and how a mount does
// without the cloud.
#include <signal.h>
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using devcloud::Blob;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class CatalogueMount : public MountedCloud {
 protected:
  void away(bool down) {
    cloud_.keystone_down(down);
    cloud_.glance_down(down);
  }
  void add_many(int count) {
    for (int i = 0; i < count; ++i) {
      devcloud::Image image = devcloud::image_named("image-" + std::to_string(i));
      cloud_.add_image(std::move(image), Blob("data " + std::to_string(i)));
    }
  }
  std::string status() { return read_file(mount_point_ + "/.glancefs/status"); }
  bool is_offline() { return status().find("offline since") != std::string::npos; }
  std::string names() { return out("echo $(ls $M/private)"); }
  void set_status(const std::string& id, const std::string& word) {
    cloud_.change_image(id, [&](devcloud::Image& image) { image.status = word; });
  }
  /// Reads it, and waits until it is proven and durable.
  void read_whole(const std::string& path) {
    out("cat $M/" + path + " > /dev/null");
    EXPECT_TRUE(eventually([&] {
      return sh("getfattr --absolute-names --only-values -n user.glancefs.cached $M/" + path)
                 .output == "100% sealed";
    }));
  }
  /// What the program says that does not mount.
  Result mount_fails(const devcloud::Account& account, const std::string& options) {
    Environment environment = openrc(account);
    environment["M"] = mount_point_;
    return run(GLANCEFS_PROGRAM " mount --foreground $M -o log=stderr,cache-dir=" +
                   (directory_ / "cache") + ",state-dir=" + (directory_ / "state") + "," + options,
               environment);
  }
};

TEST_F(CatalogueMount, ListingThousandsOfFilesAsksForThePagesAndNothingElse) {
  constexpr int kImages = 3000;
  add_many(kImages);
  cloud_.clear_log();
  mount();
  EXPECT_EQ(out("ls $M/private | wc -l"), std::to_string(kImages));
  EXPECT_EQ(out("ls -l $M/private | grep -c '^-rw'"), std::to_string(kImages));
  EXPECT_EQ(out("find $M/private -type f -size +0 | wc -l"), std::to_string(kImages));
  EXPECT_EQ(out("getfattr --absolute-names -d $M/private/* | grep -c user.glance.id"),
            std::to_string(kImages));
  std::size_t pages = 0;
  for (const devcloud::LogEntry& entry : cloud_.log()) {
    if (entry.service != devcloud::Service::kGlance) continue;
    if (entry.pattern == "/v2/images") {
      ++pages;
    } else {
      EXPECT_THAT(entry.pattern, AnyOf("/v2/schemas/image", "/v2/info/usage")) << entry.path;
    }
  }
  // Both ends meet on one of 3 full pages; one more for the hidden images, and one that was on its
  // way when they had met.
  EXPECT_LE(pages, 6U);
}

TEST_F(CatalogueMount, WithoutTheCloudAMountShowsWhatItSawLast) {
  const std::string data = pattern(200'000);
  add("cached", data);
  add("cold", data + "more");
  const std::string withdrawn = add("withdrawn", data + "other");
  mount();
  read_whole("private/cached");
  read_whole("private/withdrawn");
  set_status(withdrawn, "deactivated");
  out("setfattr -n user.glancefs.refresh -v 1 $M");
  unmount();

  away(true);
  mount("offline,connect-timeout=1");
  EXPECT_EQ(names(), "cached cold withdrawn");
  EXPECT_EQ(out("stat -c %s $M/private/cold"), "200004");
  write_file(directory_ / "expected", data);
  EXPECT_EQ(out("cmp $M/private/cached $D/expected"), "");
  EXPECT_THAT(sh("cat $M/private/withdrawn").output, HasSubstr("Permission denied"));
  EXPECT_THAT(sh("cat $M/private/cold").output, HasSubstr("No route to host"));
  EXPECT_THAT(reason("private/cold"), HasSubstr("cannot reach"));
  EXPECT_THAT(sh("setfattr -n user.glance.x -v y $M/private/cold").output,
              HasSubstr("No route to host"));
  EXPECT_THAT(status(),
              AllOf(HasSubstr("catalogue  3 images, from "), HasSubstr("offline since 20")));
  EXPECT_THAT(daemon_->output(), HasSubstr("going on with what was seen last"));
  // Rights are what Glance said last, also of images that nobody has read since.
  EXPECT_NE(sh("cp $D/expected $M/private/new").code, 0);
  EXPECT_THAT(pending(), HasSubstr("new"));

  away(false);
  cloud_.delete_image(id_of("cached"));
  set_status(id_of("cold"), "deactivated");
  EXPECT_TRUE(eventually([&] {
    sh("setfattr -n user.glancefs.refresh -v 1 $M");
    return !is_offline();
  })) << "a login that failed is not tried again within five seconds";
  EXPECT_EQ(names(), "cold new withdrawn");
  EXPECT_THAT(sh("cat $M/private/cold").output, HasSubstr("Permission denied"));
  set_status(withdrawn, "active");
  out("setfattr -n user.glancefs.refresh -v 1 $M");
  EXPECT_EQ(out("cat $M/private/withdrawn"), data + "other");
  EXPECT_EQ(out("sync $M/private/new; cat $M/private/new | wc -c"), "200000");
}

TEST_F(CatalogueMount, OnlyTheImageServiceMayBeAway) {
  add("a", "data");
  mount();
  read_whole("private/a");
  unmount();
  cloud_.glance_down(true);
  mount("offline,connect-timeout=1");
  EXPECT_EQ(out("cat $M/private/a"), "data");
  cloud_.glance_down(false);
  EXPECT_TRUE(eventually([&] { return !is_offline(); }));
}

TEST_F(CatalogueMount, ABrokenKeystoneIsAnOutage) {
  add("a", "data");
  mount();
  unmount();
  devcloud::Fault fault = devcloud::answer_fault(503);
  fault.service = devcloud::Service::kKeystone;
  cloud_.add_fault(fault);
  mount("offline");
  EXPECT_EQ(names(), "a");
}

TEST_F(CatalogueMount, WithoutOfflineItDoesNotMountButSaysHow) {
  away(true);
  const Result first = mount_fails(cloud_.demo(), "connect-timeout=1");
  EXPECT_EQ(first.code, 32);
  EXPECT_THAT(first.output, AllOf(HasSubstr("cannot reach"), Not(HasSubstr("hint"))));
  EXPECT_THAT(mount_fails(cloud_.demo(), "offline").output,
              HasSubstr("hint: offline=yes needs an earlier mount"));
  away(false);
  mount();
  unmount();
  away(true);
  EXPECT_THAT(
      mount_fails(cloud_.demo(), "offline=no").output,
      AllOf(HasSubstr("cannot reach"), HasSubstr("hint: offline=yes mounts what was seen")));
}

TEST_F(CatalogueMount, ARefusedLoginIsNoOutage) {
  mount();
  unmount();
  cloud_.set_password("demo", "changed");
  devcloud::Account account = cloud_.demo();
  account.password = "an old one";
  EXPECT_THAT(mount_fails(account, "offline").output, HasSubstr("login refused"));
}

TEST_F(CatalogueMount, NobodySeesTheCatalogueOfAnother) {
  add("a", "data");
  mount();
  unmount();
  away(true);
  EXPECT_THAT(mount_fails(cloud_.other(), "offline").output, HasSubstr("cannot reach"));
  devcloud::Account other_project = cloud_.demo();
  other_project.project_name = "other";
  EXPECT_THAT(mount_fails(other_project, "offline").output, HasSubstr("cannot reach"));
}

TEST_F(CatalogueMount, WhoComesBackWithOtherRightsIsNotLetIn) {
  add("a", "data");
  mount();
  unmount();
  away(true);
  // demo's password is not asked for offline; when the cloud is back it is wrong.
  devcloud::Account account = cloud_.demo();
  account.password = "wrong";
  mount_as(account, "offline,metadata-ttl=0");
  EXPECT_EQ(names(), "a");
  away(false);
  EXPECT_TRUE(eventually([&] { return status().find("login refused") != std::string::npos; }))
      << status();
  EXPECT_THAT(sh("cat $M/private/a").output, HasSubstr("Permission denied"));
  EXPECT_THAT(reason("private/a"), HasSubstr("login refused"));
}

TEST_F(CatalogueMount, AMountThatLosesItsCloudGoesOn) {
  add("a", "data");
  add("b", "other data");
  mount("metadata-ttl=0,connect-timeout=1");
  read_whole("private/a");
  away(true);
  EXPECT_TRUE(eventually([&] { return is_offline(); }));
  EXPECT_THAT(daemon_->output(), HasSubstr("the cloud does not answer"));
  EXPECT_EQ(names(), "a b");
  EXPECT_EQ(out("cat $M/private/a"), "data");
  EXPECT_THAT(sh("cat $M/private/b").output, HasSubstr("No route to host"));
  EXPECT_THAT(sh("cat $M/private/unknown").output, HasSubstr("No such file"));
  away(false);
  EXPECT_TRUE(eventually([&] { return !is_offline(); }));
  EXPECT_TRUE(daemon_->wait_for_output("the cloud answers again"));
  EXPECT_EQ(out("cat $M/private/b"), "other data");
}

TEST_F(CatalogueMount, TwoMountsShareADirectory) {
  add("a", "data");
  cloud_.add_image(
      [&] {
        devcloud::Image image = devcloud::image_named("o");
        image.owner = cloud_.other().project_id;
        return image;
      }(),
      Blob("other's"));
  mount("metadata-ttl=0");
  const std::string demo = mount_point_;
  auto first = std::move(daemon_);
  mount_point_ = directory_ / "second";
  std::filesystem::create_directory(mount_point_);
  mount_as(cloud_.other(), "metadata-ttl=0");
  EXPECT_EQ(names(), "o");
  unmount();
  mount("metadata-ttl=0");  // the same user twice
  add("b", "data");
  EXPECT_TRUE(eventually([&] { return names() == "a b"; }));
  unmount();
  std::swap(mount_point_, const_cast<std::string&>(demo));
  daemon_ = std::move(first);
  EXPECT_TRUE(eventually([&] { return names() == "a b"; }));
  unmount();
  away(true);
  mount("offline");
  EXPECT_EQ(names(), "a b");
  unmount();
  mount_as(cloud_.other(), "offline");
  EXPECT_EQ(names(), "o");
}

TEST_F(CatalogueMount, ADamagedFileIsMadeAnew) {
  add("a", "data");
  mount();
  unmount();
  const std::string file = directory_ / "cache/snapshots.sqlite";
  ASSERT_TRUE(std::filesystem::exists(file));
  write_file(file, pattern(100'000));
  mount();
  EXPECT_EQ(names(), "a");
  EXPECT_THAT(daemon_->output(), HasSubstr("not a database"));
  unmount();
  away(true);
  mount("offline");
  EXPECT_EQ(names(), "a");
}

TEST_F(CatalogueMount, AFileThatCannotBeUsedCostsNothingElse) {
  add("a", "data");
  std::filesystem::create_directories(directory_ / "cache/snapshots.sqlite");
  ASSERT_EQ(sh("chmod 700 $D/cache").code, 0);
  mount();
  EXPECT_EQ(out("cat $M/private/a"), "data");
  EXPECT_THAT(daemon_->output(), HasSubstr("the catalogue will not be kept"));
}

// Killed at any call that changes something: what is kept is the old catalogue or the new one.
TEST_F(CatalogueMount, KilledWhileItIsKept) {
  constexpr int kRounds = 30;
  add_many(300);
  mount();
  const std::string before = names();
  unmount();
  out("cp -a $D/cache $D/kept");
  add("a-new-one", "data");
  write_file(directory_ / "armed", "");
  const std::string log = directory_ / "calls";
  daemon_environment_ = {{"LD_PRELOAD", GLANCEFS_KILL_SWITCH},
                         {"GLANCEFS_KILL_LOG", log},
                         {"GLANCEFS_KILL_ARM", directory_ / "armed"},
                         {"ASAN_OPTIONS", "verify_asan_link_order=0"}};
  mount();
  const std::string after = names();
  unmount();
  const int calls = std::stoi(out("wc -l < $D/calls"));
  std::set<std::string> seen;
  for (int round = 0; round < kRounds; ++round) {
    out("rm -rf $D/cache && cp -a $D/kept $D/cache");
    daemon_environment_["GLANCEFS_KILL_AT"] = std::to_string(1 + calls * round / kRounds);
    Environment environment = daemon_environment_;
    environment.merge(openrc(cloud_.demo()));
    daemon_ = std::make_unique<Background>(
        "exec " GLANCEFS_PROGRAM " mount --foreground -v " + mount_point_ +
            " -o log=stderr,cache-dir=" + (directory_ / "cache") +
            ",state-dir=" + (directory_ / "state"),
        environment);
    if (daemon_->wait_for_output("mounted on")) sh("umount $M");
    EXPECT_THAT(daemon_->wait(), AnyOf(0, 128 + SIGKILL)) << daemon_->output();
    ::umount2(mount_point_.c_str(), MNT_DETACH);
    daemon_environment_.clear();
    away(true);
    mount("offline");
    const std::string found = names();
    EXPECT_TRUE(found == before || found == after) << round << ": " << found.substr(0, 100);
    seen.insert(found);
    unmount();
    away(false);
    daemon_environment_ = {{"LD_PRELOAD", GLANCEFS_KILL_SWITCH},
                           {"GLANCEFS_KILL_ARM", directory_ / "armed"},
                           {"ASAN_OPTIONS", "verify_asan_link_order=0"}};
  }
  EXPECT_EQ(seen.size(), 2U) << "some were killed before the new one was written, some after";
}

}  // namespace
}  // namespace glancefs::mount_test
