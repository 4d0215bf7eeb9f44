// Several processes, and processes that are killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cache/cache_fixture.h"
#include "tests/cache/child_process.h"

namespace glancefs::cache {
namespace {

using DiskProcesses = CacheFixture;
using test::ChildProcess;

TEST_F(DiskProcesses, OnlyOneFillsAnObject) {
  const auto bytes = sample_bytes(3 * kBlockSize);
  ChildProcess child([&](const auto& parent) {
    const auto open = store();
    const auto entry = open->open(key_for("a", bytes));
    entry->write(0, std::span(bytes).first(kBlockSize));
    parent.report();
    parent.wait();
  });
  ASSERT_EQ(child.wait_for_report(), '.');
  const auto open = store();
  try {
    open->open(key_for("a", bytes));
    FAIL() << "opened while the child fills it";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EBUSY);
  }
  EXPECT_EQ(open->open(key_for("b", bytes))->present(), 0U) << "others are free";
  child.go_on();
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(open->open(key_for("a", bytes))->present(), kBlockSize);
}

TEST_F(DiskProcesses, AllReadASealedObjectAndNoneEvictsIt) {
  const auto bytes = sample_bytes(3 * kBlockSize);
  keep(*store(), "a", bytes, true);
  ChildProcess child([&](const auto& parent) {
    const auto open = store();
    const auto entry = open->open(key_for("b", bytes));
    EXPECT_TRUE(entry->sealed());
    parent.report();
    parent.wait();
    EXPECT_EQ(read_all(*entry), bytes);
  });
  ASSERT_EQ(child.wait_for_report(), '.');
  const auto open = store(5 * kBlockSize);
  EXPECT_EQ(read_all(*open->open(key_for("a", bytes))), bytes);
  const auto others = sample_bytes(3 * kBlockSize, 2);
  EXPECT_FALSE(open->open(key_for("c", others))->write(0, others)) << "the child holds the rest";
  EXPECT_EQ(files("sealed", ".data").size(), 1U);
  child.go_on();
  EXPECT_EQ(child.join(), 0);
  EXPECT_TRUE(open->open(key_for("c", others))->write(0, others));
  EXPECT_TRUE(files("sealed", ".data").empty());
}

TEST_F(DiskProcesses, ShareOneLimit) {
  const auto bytes = sample_bytes(4 * kBlockSize);
  ChildProcess child([&](const auto& parent) {
    const auto open = store(8 * kBlockSize);
    const auto entry = open->open(key_for("child", bytes));
    EXPECT_TRUE(entry->write(0, bytes));
    parent.report();
    parent.wait();
  });
  ASSERT_EQ(child.wait_for_report(), '.');
  const auto open = store(8 * kBlockSize);
  const auto entry = open->open(key_for("parent", sample_bytes(8 * kBlockSize)));
  EXPECT_TRUE(entry->write(0, bytes));
  EXPECT_TRUE(entry->write(4 * kBlockSize, bytes)) << "its own first blocks make room";
  EXPECT_EQ(entry->present(), 4 * kBlockSize);
  EXPECT_EQ(open->usage().bytes, 8 * kBlockSize);
  child.go_on();
  EXPECT_EQ(child.join(), 0);
}

TEST_F(DiskProcesses, OpenANewCacheAtOnce) {
  constexpr int kProcesses = 4;
  constexpr int kRounds = 30;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::unique_ptr<ChildProcess>> children;
    children.reserve(kProcesses);
    for (int i = 0; i < kProcesses; ++i) {
      children.push_back(std::make_unique<ChildProcess>([this](const auto& parent) {
        parent.report();
        parent.wait();
        EXPECT_NO_THROW(store());
      }));
    }
    for (const auto& child : children) ASSERT_EQ(child->wait_for_report(), '.');
    for (const auto& child : children) child->go_on();
    for (const auto& child : children) ASSERT_EQ(child->join(), 0) << "round " << round;
    std::filesystem::remove_all(directory_);
  }
}

TEST_F(DiskProcesses, FillAndEvictTheSameObjectsAtOnce) {
  constexpr int kProcesses = 3;
  constexpr int kRounds = 40;
  const auto work = [&](int seed) {
    const auto open = store(12 * kBlockSize);
    for (int i = 0; i < kRounds; ++i) {
      const auto which = static_cast<unsigned>((i * 7 + seed * 3) % 5);
      const auto bytes = sample_bytes(3 * kBlockSize + which, which + 1);
      try {
        const auto entry = open->open(key_for("object " + std::to_string(which), bytes));
        entry->write(0, bytes);
        const auto read = read_all(*entry);
        EXPECT_TRUE(std::equal(read.begin(), read.end(), bytes.begin()));
        if (i % 3 == 0) {
          EXPECT_NE(entry->seal(), Seal::kMismatch);
        }
        if (i % 7 == 0) open->drop("object " + std::to_string(which));
      } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), EBUSY) << error.what();
      }
    }
  };
  std::vector<std::unique_ptr<ChildProcess>> children;
  children.reserve(kProcesses);
  for (int i = 0; i < kProcesses; ++i) {
    children.push_back(std::make_unique<ChildProcess>([&work, i](const auto&) { work(i); }));
  }
  for (const auto& child : children) EXPECT_EQ(child->join(), 0);
  for (unsigned which = 0; which < 5; ++which) {
    heals(*store(), "object " + std::to_string(which),
          sample_bytes(3 * kBlockSize + which, which + 1));
  }
}

TEST_F(DiskProcesses, KilledWhileFillingLeaveOnlyRightBytes) {
  constexpr int kRounds = 30;
  const auto bytes = sample_bytes(40 * kBlockSize + 5);
  std::uint64_t most = 0;
  for (int round = 0; round < kRounds; ++round) {
    ChildProcess child([&](const auto& parent) {
      const auto open = store();
      const auto entry = open->open(key_for("a", bytes));
      for (std::uint64_t i = 0;; i = (i + 1) % 41) {  // ends by the kill
        const std::uint64_t at = i * 17 % 41 * kBlockSize;
        entry->write(at, std::span(bytes).subspan(
                             at, std::min<std::uint64_t>(kBlockSize, bytes.size() - at)));
        if (entry->complete()) {
          EXPECT_EQ(entry->seal(), Seal::kSealed);
        }
        parent.report();
      }
    });
    for (int i = 0; i <= round * 2; ++i) ASSERT_EQ(child.wait_for_report(), '.');
    child.kill();
    const auto open = store();
    const auto entry = open->open(key_for("a", bytes));
    most = std::max(most, entry->present());
    for (std::uint64_t at = 0; at < bytes.size(); at += kBlockSize) {
      std::vector<std::byte> block(std::min<std::uint64_t>(kBlockSize, bytes.size() - at));
      const std::size_t got = entry->read(at, block);
      EXPECT_TRUE(got == 0 || std::ranges::equal(block, std::span(bytes).subspan(at, got)));
    }
    EXPECT_EQ(open->usage().objects, 1U);
    if (entry->sealed()) open->drop("a");  // and from the beginning
  }
  EXPECT_EQ(most, bytes.size()) << "no round got as far as the seal";
}

}  // namespace
}  // namespace glancefs::cache
