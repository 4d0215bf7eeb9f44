#include "fs/mount/remount.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include "fs/mount/option_table.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {
namespace {

using ::testing::HasSubstr;

class Remount : public ::testing::Test {
 protected:
  RemountPlan plan(const std::string& words) {
    return plan_remount(split_options(words), entry_, in_force_);
  }
  std::string error(const std::string& words) {
    try {
      plan(words);
    } catch (const StartError& e) {
      return fmt::format("{} {}", static_cast<int>(e.code()), e.what());
    }
    return "no error";
  }
  MountEntry entry_{.target = "/mnt",
                    .type = "fuse.glancefs",
                    .source = "prod",
                    .flags = "rw,nosuid,nodev,noexec,relatime",
                    .options =
                        "rw,sync,seclabel,user_id=0,group_id=0,default_permissions,"
                        "allow_other,max_read=4096"};
  std::string in_force_ = "allow-other=yes\ncache-dir=/a\nro=no\n";
};

TEST_F(Remount, KeepsTheFlagsThatAreThere) {
  const auto kept = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME | MS_SYNCHRONOUS;
  const RemountPlan to_ro = plan("remount,ro");
  EXPECT_TRUE(to_ro.read_only);
  EXPECT_EQ(to_ro.flags, static_cast<unsigned long>(kept | MS_RDONLY));
  entry_.flags.replace(0, 2, "ro");
  EXPECT_TRUE(plan("remount").read_only);
  const RemountPlan to_rw = plan("ro,remount,rw");
  EXPECT_FALSE(to_rw.read_only);
  EXPECT_EQ(to_rw.flags, static_cast<unsigned long>(kept));
}

// As mount(8) completes the words by what the kernel and fstab say.
TEST_F(Remount, WhatIsSoAlreadyIsNoChange) {
  for (const std::string words :
       {"rw,nosuid,nodev,noexec,relatime,remount,user_id=0,group_id=0,default_permissions,"
        "allow_other,max_read=4096,seclabel",
        "_netdev,nofail,x-systemd.automount,uhelper=fuse.glancefs", "cache_dir=/a,metadata-ttl=30s",
        "suid,nosuid", "os-password=x,env.https_proxy=http://p:1"}) {
    EXPECT_EQ(error(words + ",ro"), "no error") << words;
  }
}

TEST_F(Remount, NothingElseChanges) {
  EXPECT_EQ(error("ro,cache-dir=/b"), "32 cannot change cache-dir while mounted");
  EXPECT_EQ(error("metadata-ttl=31s"), "32 cannot change metadata-ttl while mounted");
  EXPECT_EQ(error("noallow_other"), "32 cannot change allow-other while mounted");
  EXPECT_EQ(error("exec"), "32 cannot change exec while mounted");
  EXPECT_EQ(error("noatime"), "32 cannot change noatime while mounted");
  EXPECT_EQ(error("max_read=8192"), "32 cannot change max-read while mounted");
  EXPECT_EQ(error("nosuid,suid"), "32 cannot change suid while mounted");
  EXPECT_THAT(error("metadata-tll=1"), HasSubstr("1 unknown option"));
}

TEST(OptionsText, IsWhatARemountReads) {
  const Options options =
      parse_options(default_options(), split_options("cache-dir=/a\nb,rw,os-token=x"), {}, "/")
          .options;
  EXPECT_EQ(options_text(options), "cache-dir=/a\\x0ab\nro=no\n");
}

}  // namespace
}  // namespace glancefs::fs
