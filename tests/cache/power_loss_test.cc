// The power goes: whatever the file system has not made durable is lost, at any moment.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <cstdlib>

#include "base/fd.h"
#include "cache/spool.h"
#include "tests/cache/cache_fixture.h"
#include "tests/cache/child_process.h"

namespace glancefs::cache {
namespace {

/// An ext4 of its own, whose power can be cut. Needs root, loop devices and mkfs.ext4.
class PowerLoss : public CacheFixture {
 protected:
  void SetUp() override {
    const std::string make = "mkdir " + disk_ + " && truncate -s 64M " + file_ +
                             " && mkfs.ext4 -q -E lazy_itable_init=0 " + file_ + " 2>/dev/null";
    if (::geteuid() != 0 || !run(make) || !plug_in()) GTEST_SKIP() << "cannot mount an ext4 here";
  }
  void TearDown() override { run("umount -l " + disk_ + " 2>/dev/null"); }

  /// Everything that is not durable is gone from now on, and every write fails.
  void cut() {
    constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);  // ext4's EXT4_IOC_SHUTDOWN
    std::uint32_t without_flushing_the_log = 2;
    const Fd fd(::open(disk_.c_str(), O_RDONLY | O_DIRECTORY));
    ASSERT_EQ(::ioctl(fd.get(), kShutdown, &without_flushing_the_log), 0);
  }
  /// Nobody may have a file of the disk open.
  void come_back() { ASSERT_TRUE(run("umount " + disk_) && plug_in()); }

  std::unique_ptr<Store> disk_store() {
    return open_disk_store({.directory = disk_ + "/cache", .limit = 1ULL << 30U, .min_free = 0});
  }

  const std::string disk_ = top_ / "disk", file_ = top_ / "disk.img";

 private:
  static bool run(const std::string& command) { return std::system(command.c_str()) == 0; }
  // A loop device of its own each time: mount(8) would take the one before, whose file system, dead
  // as it is, lives on if some other process has copied the mount into a namespace of its own.
  bool plug_in() {
    return run("loop=$(losetup -f --show " + file_ + " 2>/dev/null) && { mount $loop " + disk_ +
               " 2>/dev/null; status=$?; losetup -d $loop; exit $status; }");
  }
};

TEST_F(PowerLoss, SealedImagesStayAndOthersHoldOnlyRightBytes) {
  const auto sealed = sample_bytes(20 * kBlockSize + 7, 1);
  const auto partial = sample_bytes(20 * kBlockSize + 7, 2);
  {
    const auto store = disk_store();
    keep(*store, "sealed", sealed, true);
    keep(*store, "partial", partial, false);
    cut();
  }
  come_back();
  const auto store = disk_store();
  const auto entry = store->open(key_for("sealed", sealed));
  EXPECT_TRUE(entry->sealed());
  EXPECT_EQ(read_all(*entry), sealed);
  heals(*store, "partial", partial);
}

TEST_F(PowerLoss, WhileFillingAndSealingLeavesOnlyRightBytes) {
  constexpr int kRounds = 12;
  const auto bytes = sample_bytes(24 * kBlockSize + 5);
  for (int round = 0; round < kRounds; ++round) {
    test::ChildProcess child([&](const auto& parent) {
      for (unsigned turn = 0;; ++turn) {  // ends by the kill
        const auto store = disk_store();
        const auto entry = store->open(key_for("a", bytes));
        parent.report();
        entry->write(0, bytes);
        parent.report();
        entry->seal();
        parent.report();
        store->drop("a");
      }
    });
    for (int i = 0; i <= round; ++i) ASSERT_EQ(child.wait_for_report(), '.');
    cut();
    child.kill();
    come_back();
    const auto store = disk_store();
    heals(*store, "a", bytes);
    store->drop("a");
  }
}

TEST_F(PowerLoss, WhatTheJournalHasAnnouncedIsThere) {
  constexpr int kRounds = 12;
  const auto bytes = sample_bytes(10 * kBlockSize + 3);
  const auto text = std::as_bytes(std::span(bytes));
  for (int round = 0; round < kRounds; ++round) {
    test::ChildProcess child([&](const auto& parent) {
      const auto spools = open_spools(disk_ + "/spool", 1ULL << 30U);
      SpoolRecord record;
      record.cloud = "cloud";
      const auto spool = spools->create(record);
      spool->write(0, text);
      spool->sync();
      record = spool->record();
      record.state = SpoolState::kUploading;
      for (int i = 0;; ++i) {  // ends by the kill
        record.error = std::to_string(i);
        spool->update(record);
        parent.report();
      }
    });
    for (int i = 0; i <= round; ++i) ASSERT_EQ(child.wait_for_report(), '.');
    cut();
    child.kill();
    come_back();
    const auto found = open_spools(disk_ + "/spool", 1ULL << 30U)->recover("cloud");
    ASSERT_EQ(found.size(), 1U) << "round " << round;
    EXPECT_EQ(found[0]->record().state, SpoolState::kUploading);
    EXPECT_GE(std::stoi(found[0]->record().error), round);
    std::vector<std::byte> kept(found[0]->size());
    kept.resize(found[0]->read(0, kept));
    EXPECT_EQ(kept, bytes);
    found[0]->discard();
  }
}

}  // namespace
}  // namespace glancefs::cache
