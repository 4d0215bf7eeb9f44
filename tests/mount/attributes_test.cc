// Extended attributes with the programs that copy them.
#include <sys/mount.h>

#include <filesystem>

#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class AttributesOfImages : public MountedCloud {
 protected:
  std::size_t patches() { return cloud_.requests("PATCH", "/v2/images/{id}"); }
  std::string get(const std::string& name, const std::string& file) {
    return out("getfattr --absolute-names -n user." + name + " --only-values " + file);
  }
  /// One whose attributes have everything in them that a text can get wrong.
  std::string add_odd(const std::string& name) {
    const std::string id = add(name, pattern(1000));
    cloud_.change_image(id, [](devcloud::Image& image) {
      image.tags = {",", "\\", "a,b\\", "\xC3\xA9", "plain"};
      image.min_disk = 3;
      image.min_ram = 512;
      image.is_protected = true;
      image.properties["os_distro"] = "debian";
      image.properties["empty"] = "";
      image.properties["a b=c/d~e"] = "x y=z";
      image.properties["\xC3\xA9"] = "\xC3\xA9\n\t\"\\";
      image.properties["line\nbreak"] = "1";
      image.properties["long"] = std::string(60'000, 'x');
    });
    return id;
  }
};

/// Another mount beside the first, by another project. What it is called: $N.
class TwoMounts : public AttributesOfImages {
 protected:
  TwoMounts() { std::filesystem::create_directory(other_point_); }
  ~TwoMounts() override {
    if (other_) {
      other_->signal(SIGTERM);
      other_.reset();
    }
    ::umount2(other_point_.c_str(), MNT_DETACH);  // fails when all is well
  }
  void mount_both(const std::string& options) {
    mount(options);
    other_ = std::make_unique<Background>(
        "exec " GLANCEFS_PROGRAM " mount --foreground -v " + other_point_ +
            " -o log=stderr,cache-dir=" + (directory_ / "cache2") +
            ",state-dir=" + (directory_ / "state2") + ",shutdown-timeout=5," + options,
        openrc(cloud_.other()));
    ASSERT_TRUE(other_->wait_for_output("mounted on")) << other_->output();
  }
  /// What can be set must have come over, whole and unchanged.
  void expect_same(const std::string& from, const std::string& to) {
    const auto one = cloud_.image(from), two = cloud_.image(to);
    ASSERT_TRUE(one && two);
    EXPECT_EQ(one->properties, two->properties);
    EXPECT_EQ(one->tags, two->tags);
    EXPECT_EQ(one->is_protected, two->is_protected);
    EXPECT_EQ(one->min_disk, two->min_disk);
    EXPECT_EQ(one->min_ram, two->min_ram);
    EXPECT_EQ(one->disk_format, two->disk_format);
  }
  /// The image called `name` of the other project.
  std::string copy_of(const std::string& name) {
    const std::string project = cloud_.other().project_id;
    for (const std::string& id : cloud_.image_ids()) {
      const auto image = cloud_.image(id);
      if (image && image->name == name && image->owner == project) return id;
    }
    return {};
  }

  std::string other_point_ = directory_ / "others";
  std::unique_ptr<Background> other_;
};

TEST_F(AttributesOfImages, ADumpIsRestoredWithoutARequest) {
  add_odd("a");
  mount();
  cloud_.clear_log();
  EXPECT_EQ(sh("cd $M/private && getfattr -d a > $D/dump && setfattr --restore=$D/dump").code, 0);
  EXPECT_EQ(patches(), 0U);
  EXPECT_THAT(out("cat $D/dump"), AllOf(HasSubstr("user.glance.status=\"active\""),
                                        HasSubstr("user.glance.a b\\075c/d~e=\"x y=z\"")));
}

TEST_F(AttributesOfImages, OneEditedValueIsOneRequest) {
  const std::string id = add_odd("a");
  cloud_.change_image(id, [](devcloud::Image& image) {
    image.updated_at = image.created_at - std::chrono::hours(1);  // so that the change moves it
  });
  mount();
  cloud_.clear_log();
  EXPECT_EQ(sh("cd $M/private && getfattr -d a | sed s/debian/fedora/ > $D/dump && "
               "setfattr --restore=$D/dump")
                .code,
            0);
  EXPECT_EQ(patches(), 1U);
  EXPECT_EQ(cloud_.image(id)->properties.at("os_distro"), "fedora");
  EXPECT_EQ(cloud_.image(id)->properties.at("line\nbreak"), "1");
}

TEST_F(TwoMounts, CpCarriesEverythingThatCanBeSet) {
  const std::string id = add_odd("a");
  for (const char* which : {"xattrs=settable", "xattrs=all"}) {
    mount_both(which);
    EXPECT_EQ(sh("cp -a $M/private/a $D/others/community/copy").code, 0) << which;
    const std::string copy = copy_of("copy");
    expect_same(id, copy);
    EXPECT_EQ(cloud_.image(copy)->status, "active");
    EXPECT_EQ(cloud_.image(copy)->visibility, "community");
    EXPECT_EQ(sh("chmod u+w $D/others/community/copy && rm $D/others/community/copy").code, 0);
    EXPECT_EQ(sh("umount $D/others").code, 0);
    EXPECT_EQ(other_->wait(), 0);
    unmount();
  }
}

TEST_F(TwoMounts, RsyncCarriesEverythingThatCanBeSet) {
  const std::string id = add_odd("a");
  mount_both("xattrs=settable");
  // An image is as old as it is at its Glance, so time says nothing.
  const std::string rsync = "rsync -aX --size-only $M/private/a $D/others/private/";
  EXPECT_EQ(out(rsync), "");
  const std::string copy = copy_of("a");
  expect_same(id, copy);
  cloud_.clear_log();
  EXPECT_EQ(out(rsync), "");
  EXPECT_EQ(patches(), 0U) << "nothing differs";
  EXPECT_EQ(sh("setfattr -n user.glance.os_distro -v fedora $M/private/a; "
               "setfattr -x user.glance.empty $M/private/a")
                .code,
            0);
  cloud_.clear_log();
  EXPECT_EQ(out(rsync), "");
  EXPECT_EQ(patches(), 2U) << "one value, one removal";
  expect_same(id, copy);
}

TEST_F(AttributesOfImages, ValuesHaveLimits) {
  add("a", "data");
  mount();
  const auto set = [&](const std::string& python) {
    return sh("python3 -c 'import os; os.setxattr(os.environ[\"M\"] + \"/private/a\", " + python +
              ")'")
        .output;
  };
  EXPECT_EQ(set("\"user.glance.x\", b\"x\" * 65535"), "");
  EXPECT_THAT(set("\"user.glance.x\", b\"x\" * 65536"), HasSubstr("Argument list too long"));
  EXPECT_THAT(set("\"user.glance.x\", b\"\\xff\""), HasSubstr("Invalid or incomplete multibyte"));
  EXPECT_EQ(set("\"user.glance.\" + \"k\" * 243, b\"\""), "");
  EXPECT_THAT(set("\"user.glance.\" + \"k\" * 244, b\"\""), HasSubstr("out of range"));
  EXPECT_EQ(set("\"user.glance.x\", b\"\""), "");
  EXPECT_EQ(get("glance.x", "$M/private/a"), "");
  for (int i = 2; i < 128; ++i) {
    cloud_.change_image(id_of("a"), [&](devcloud::Image& image) {
      image.properties["p" + std::to_string(i)] = "x";
    });
  }
  EXPECT_THAT(set("\"user.glance.y\", b\"1\""), HasSubstr("No space left"));
  EXPECT_THAT(reason("private/a"), HasSubstr("number of allowed image properties"));
}

TEST_F(AttributesOfImages, ManyProgramsAtOnceLoseNothing) {
  const std::string id = add("a", "data");
  mount();
  cloud_.clear_log();
  EXPECT_EQ(
      sh("for i in $(seq 40); do setfattr -n user.glance.p$i -v $i $M/private/a & done; wait").code,
      0);
  EXPECT_EQ(cloud_.image(id)->properties.size(), 40U);
  EXPECT_EQ(patches(), 40U);
}

TEST_F(TwoMounts, AnImageIsOfferedAndAccepted) {
  add("a", pattern(1000));
  mount_both("metadata-ttl=1h");
  const std::string project = cloud_.other().project_id;
  EXPECT_THAT(sh("setfattr -n user.glance.members -v " + project + " $M/private/a").output,
              HasSubstr("Invalid argument"));
  EXPECT_THAT(reason("private/a"), HasSubstr("mv it to shared/"));
  EXPECT_EQ(sh("mv $M/private/a $M/shared/").code, 0);
  EXPECT_EQ(sh("setfattr -n user.glance.members -v " + project + " $M/shared/a").code, 0);
  EXPECT_EQ(get("glance.members", "$M/shared/a"), project + "=pending");
  EXPECT_THAT(out("getfattr --absolute-names -d $M/shared/a"), Not(HasSubstr("members")));
  EXPECT_THAT(sh("setfattr -n user.glance.members -v " + project + "=accepted $M/shared/a").output,
              HasSubstr("Operation not permitted"));
  // The other project accepts, and changes its mind.
  cloud_.change_image(
      id_of("a"), [&](devcloud::Image& image) { image.members.at(project).status = "accepted"; });
  EXPECT_EQ(sh("setfattr -n user.glancefs.refresh -v 1 $D/others").code, 0);
  EXPECT_EQ(get("glance.members", "$D/others/shared/a"), project + "=accepted");
  EXPECT_EQ(
      sh("setfattr -n user.glance.members -v " + project + "=rejected $D/others/shared/a").code, 0);
  EXPECT_EQ(get("glance.members", "$M/shared/a"), project + "=rejected");
  EXPECT_THAT(sh("setfattr -x user.glance.members $D/others/shared/a").output,
              HasSubstr("Operation not permitted"));
  EXPECT_EQ(sh("setfattr -x user.glance.members $M/shared/a").code, 0);
  EXPECT_THAT(sh("getfattr -n user.glance.members $M/shared/a").output,
              HasSubstr("No such attribute"));
}

TEST_F(AttributesOfImages, AFileIsOfferedWhenItIsAtGlance) {
  mount();
  const std::string project = cloud_.other().project_id;
  write_file(directory_ / "a", "data");
  EXPECT_EQ(sh("exec 3> $M/shared/a; setfattr -n user.glance.members -v " + project +
               " $M/shared/a; cat $D/a >&3; exec 3>&-")
                .code,
            0);
  EXPECT_EQ(get("glance.members", "$M/shared/a"), project + "=pending");
}

TEST_F(AttributesOfImages, AnAdministratorCopiesFromStoreToStore) {
  add("a", pattern(100'000));
  cloud_.change_image(id_of("a"),
                      [&](devcloud::Image& image) { image.owner = cloud_.admin().project_id; });
  mount_as(cloud_.admin());
  EXPECT_EQ(sh("setfattr -n user.glance.stores -v fast,slow $M/private/a").code, 0)
      << reason("private/a");
  EXPECT_EQ(get("glance.stores", "$M/private/a"), "fast,slow");
  EXPECT_EQ(sh("setfattr -n user.glance.stores -v slow $M/private/a").code, 0);
  EXPECT_EQ(get("glance.stores", "$M/private/a"), "slow");
  EXPECT_THAT(sh("setfattr -n user.glance.stores -v nowhere $M/private/a").output,
              HasSubstr("Invalid argument"));
  EXPECT_THAT(reason("private/a"), HasSubstr("the site has fast, slow"));
}

TEST_F(AttributesOfImages, OthersMayNotCopy) {
  add("a", pattern(1000));
  mount();
  EXPECT_THAT(sh("setfattr -n user.glance.stores -v fast,slow $M/private/a").output,
              HasSubstr("Permission denied"));
  EXPECT_THAT(reason("private/a"), HasSubstr("most sites leave copies to administrators"));
}

TEST_F(AttributesOfImages, CtrlCEndsTheWaitForACopy) {
  add("a", pattern(1000));
  cloud_.change_image(id_of("a"),
                      [&](devcloud::Image& image) { image.owner = cloud_.admin().project_id; });
  mount_as(cloud_.admin());
  cloud_.hold_imports(true);
  Background copy("exec setfattr -n user.glance.stores -v fast,slow " + mount_point_ + "/private/a",
                  Environment{});
  const std::string progress = "getfattr --absolute-names -n user.glancefs.progress --only-values ";
  EXPECT_TRUE(eventually([&] {
    return sh(progress + "$M/private/a").output.find("left: slow") != std::string::npos;
  }));
  copy.signal(SIGINT);
  EXPECT_EQ(copy.wait(), 128 + SIGINT);
  EXPECT_TRUE(eventually([&] { return sh(progress + "$M/private/a").code != 0; }));
  cloud_.hold_imports(false);
  EXPECT_TRUE(cloud_.wait_until([&] { return cloud_.image(id_of("a"))->stores.size() == 2; }));
}

TEST_F(AttributesOfImages, DeactivatedAndBack) {
  add("a", pattern(1000));
  mount();
  EXPECT_EQ(sh("setfattr -n user.glance.status -v deactivated $M/private/a").code, 0);
  EXPECT_EQ(cloud_.image(id_of("a"))->status, "deactivated");
  EXPECT_TRUE(eventually([&] { return out("stat -c %a $M/private/a") == "0"; }));
  EXPECT_THAT(sh("cat $M/private/a").output, HasSubstr("Permission denied"));
  EXPECT_EQ(sh("setfattr -n user.glance.status -v active $M/private/a && "
               "cmp -n 1000 $M/private/a $M/private/a")
                .code,
            0);
  EXPECT_THAT(sh("setfattr -n user.glance.status -v queued $M/private/a").output,
              HasSubstr("Invalid argument"));
}

TEST_F(AttributesOfImages, ValuesAreCheckedOnlyWhereThatIsWanted) {
  add("a", "data");
  mount("properties=checked");
  EXPECT_THAT(sh("setfattr -n user.glance.hw_disk_bus -v nonsense $M/private/a").output,
              HasSubstr("Invalid argument"));
  EXPECT_THAT(reason("private/a"), HasSubstr("hw_disk_bus: expected one of"));
  EXPECT_EQ(sh("setfattr -n user.glance.hw_disk_bus -v virtio $M/private/a").code, 0);
  EXPECT_EQ(sh("setfattr -n user.glance.my_own -v nonsense $M/private/a").code, 0);
  unmount();
  mount();
  EXPECT_EQ(sh("setfattr -n user.glance.hw_disk_bus -v nonsense $M/private/a").code, 0);
}

}  // namespace
}  // namespace glancefs::mount_test
