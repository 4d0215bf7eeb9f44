// Snapshots: sets of rows that outlive the process, whatever happens to it, the file and the disk.
#include "cache/snapshots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "tests/cache/child_process.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::cache {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;
using test::ChildProcess;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

using Rows = std::map<std::string, std::string>;

sys_seconds at(int time) { return sys_seconds(seconds(1'800'000'000 + time)); }

void save(Snapshots& snapshots, const std::string& set, const Rows& rows, int time = 0) {
  std::vector<std::string_view> keys;
  for (const auto& [key, value] : rows) keys.push_back(key);
  snapshots.replace(set, at(time), keys,
                    [&](std::size_t i) { return rows.at(std::string(keys[i])); });
}

Rows loaded(Snapshots& snapshots, const std::string& set) {
  Rows rows;
  snapshots.load(set, [&](std::string_view key, std::string_view value) {
    rows.emplace(std::string(key), std::string(value));
  });
  return rows;
}

Rows many(int count, const std::string& mark) {
  Rows rows;
  for (int i = 0; i < count; ++i) {
    rows["key " + std::to_string(i)] = mark + std::string(static_cast<std::size_t>(i % 300), 'x');
  }
  return rows;
}

class SnapshotsTest : public testing::Test {
 protected:
  std::string file() const { return directory_ / "cache/snapshots.sqlite"; }
  /// Writes `bytes` over the file from `offset` on.
  void overwrite(std::streamoff offset, const std::string& bytes) const {
    std::fstream stream(file(), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(offset);
    stream << bytes;
    ASSERT_TRUE(stream.good());
  }
  Database raw() const { return Database(file()); }

  test::TemporaryDirectory directory_;
  std::string cache_ = directory_ / "cache";
};

TEST_F(SnapshotsTest, ASetIsAsItWasSavedAfterARestart) {
  const Rows rows{{"a", "1"}, {"b", std::string("\0\xff", 2)}, {"c", ""}};
  save(*std::make_unique<Snapshots>(cache_), "set", rows, 7);
  Snapshots snapshots(cache_);
  EXPECT_EQ(loaded(snapshots, "set"), rows);
  EXPECT_EQ(snapshots.taken("set"), at(7));
  EXPECT_EQ(snapshots.taken("other"), std::nullopt);
  EXPECT_THAT(loaded(snapshots, "other"), IsEmpty());
}

TEST_F(SnapshotsTest, OnlyTheUserMayReadIt) {
  const Snapshots snapshots(cache_);
  struct stat status {};
  ASSERT_EQ(::stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(SnapshotsTest, ReplacingWritesTheDifferenceAndNothingElse) {
  Snapshots snapshots(cache_);
  save(snapshots, "set", {{"a", "1"}, {"b", "2"}, {"d", "4"}});
  save(snapshots, "bystander", {{"a", "x"}});
  {
    // Who is written over loses this mark.
    Database database = raw();
    database.run("CREATE TABLE touched (key BLOB)");
    database.run(
        "CREATE TRIGGER put AFTER INSERT ON rows BEGIN INSERT INTO touched VALUES "
        "('+' || CAST(new.key AS TEXT)); END");
    database.run(
        "CREATE TRIGGER gone AFTER DELETE ON rows BEGIN INSERT INTO touched VALUES "
        "('-' || CAST(old.key AS TEXT)); END");
  }
  const Rows next{{"a", "1"}, {"b", "changed"}, {"c", "new"}};
  save(snapshots, "set", next, 1);
  EXPECT_EQ(loaded(snapshots, "set"), next);
  EXPECT_THAT(loaded(snapshots, "bystander"), ElementsAre(Pair("a", "x")));
  std::vector<std::string> touched;
  Database database = raw();
  Statement marks(database, "SELECT key FROM touched");
  while (marks.step()) touched.push_back(marks.text(0));
  EXPECT_THAT(touched, testing::UnorderedElementsAre("-d", "+b", "+c"));
}

TEST_F(SnapshotsTest, AnUpdateChangesSingleRows) {
  Snapshots snapshots(cache_);
  save(snapshots, "set", {{"a", "1"}, {"b", "2"}, {"c", "3"}});
  EXPECT_TRUE(snapshots.update("set", at(1), {{"b", "B"}, {"n", "N"}}, {"c", "unknown"}));
  EXPECT_THAT(loaded(snapshots, "set"),
              ElementsAre(Pair("a", "1"), Pair("b", "B"), Pair("n", "N")));
  EXPECT_EQ(snapshots.taken("set"), at(1));
}

TEST_F(SnapshotsTest, HalfASetIsNone) {
  Snapshots snapshots(cache_);
  EXPECT_FALSE(snapshots.update("set", at(1), {{"b", "B"}}, {}));
  EXPECT_EQ(snapshots.taken("set"), std::nullopt);
}

TEST_F(SnapshotsTest, TimeAloneWakesTheDiskEveryFiveMinutes) {
  Snapshots snapshots(cache_);
  save(snapshots, "set", {{"a", "1"}});
  EXPECT_TRUE(snapshots.update("set", at(299), {{"a", "1"}}, {}));
  EXPECT_EQ(snapshots.taken("set"), at(0));
  EXPECT_TRUE(snapshots.update("set", at(300), {{"a", "1"}}, {}));
  EXPECT_EQ(snapshots.taken("set"), at(300));
  EXPECT_TRUE(snapshots.update("set", at(200), {{"a", "1"}}, {})) << "the clock was set back";
  EXPECT_EQ(snapshots.taken("set"), at(200));
}

TEST_F(SnapshotsTest, TheSetsUsedLongestAgoGo) {
  Snapshots snapshots(cache_);
  for (int i = 0; i < 32; ++i) save(snapshots, "set " + std::to_string(i), {{"a", "1"}});
  snapshots.use("set 0");
  save(snapshots, "one more", {{"a", "1"}});
  EXPECT_THAT(loaded(snapshots, "set 0"), testing::SizeIs(1));
  EXPECT_EQ(snapshots.taken("set 1"), std::nullopt);
  EXPECT_THAT(loaded(snapshots, "set 2"), testing::SizeIs(1));
  EXPECT_THAT(loaded(snapshots, "one more"), testing::SizeIs(1));
}

TEST_F(SnapshotsTest, RowsThatAreNotAsWrittenAreLeftOut) {
  Snapshots snapshots(cache_);
  save(snapshots, "set", {{"a", "1"}, {"b", "2"}, {"c", "3"}});
  save(snapshots, "other", {{"x", "9"}});
  raw().run("UPDATE rows SET value = CAST('3' AS BLOB) WHERE key = CAST('b' AS BLOB)");
  raw().run(
      "UPDATE rows SET number = (SELECT number FROM sets WHERE name = CAST('set' AS BLOB)) "
      "WHERE key = CAST('x' AS BLOB)");
  EXPECT_THAT(loaded(snapshots, "set"), ElementsAre(Pair("a", "1"), Pair("c", "3")));
  save(snapshots, "set", {{"a", "1"}, {"b", "2"}, {"c", "3"}});
  EXPECT_THAT(loaded(snapshots, "set"), testing::SizeIs(3)) << "and written again";
}

TEST_F(SnapshotsTest, WhatIsNoDatabaseIsBegunAnew) {
  save(*std::make_unique<Snapshots>(cache_), "set", {{"a", "1"}});
  overwrite(0, std::string(8192, 'x'));
  Snapshots snapshots(cache_);
  EXPECT_EQ(snapshots.taken("set"), std::nullopt);
  save(snapshots, "set", {{"a", "2"}});
  EXPECT_THAT(loaded(snapshots, "set"), ElementsAre(Pair("a", "2")));
}

TEST_F(SnapshotsTest, AnotherVersionIsBegunAnew) {
  save(*std::make_unique<Snapshots>(cache_), "set", {{"a", "1"}});
  raw().run("PRAGMA user_version = 99");
  Snapshots snapshots(cache_);
  EXPECT_EQ(snapshots.taken("set"), std::nullopt);
}

TEST_F(SnapshotsTest, AForeignDatabaseIsBegunAnew) {
  { const Snapshots made(cache_); }
  std::filesystem::remove(file());
  raw().run("CREATE TABLE sets (something)");
  Snapshots snapshots(cache_);
  save(snapshots, "set", {{"a", "1"}});
  EXPECT_THAT(loaded(snapshots, "set"), testing::SizeIs(1));
}

// Whatever is in the file, what is loaded has been saved, and the next save works or says why not.
TEST_F(SnapshotsTest, NoDamageIsBelieved) {
  const Rows rows = many(400, "value ");
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
  int lost = 0;
  for (int round = 0; round < 150; ++round) {
    std::filesystem::remove_all(cache_);
    save(*std::make_unique<Snapshots>(cache_), "set", rows);
    const auto size = std::filesystem::file_size(file());
    for (int i = 0; i < 8; ++i) {
      overwrite(static_cast<std::streamoff>(random() % size),
                std::string(1 + random() % 40, static_cast<char>(random())));
    }
    try {
      Snapshots snapshots(cache_);
      const Rows found = loaded(snapshots, "set");
      if (found.size() < rows.size()) ++lost;
      for (const auto& [key, value] : found) ASSERT_EQ(rows.at(key), value);
      save(snapshots, "set", rows);
    } catch (const std::system_error& error) {
      ++lost;
      EXPECT_EQ(error.code().value(), EIO) << error.what();
      Snapshots again(cache_);
      save(again, "set", rows);
      EXPECT_EQ(loaded(again, "set"), rows);
    }
  }
  EXPECT_GT(lost, 100) << "the damage must hit something";
}

TEST_F(SnapshotsTest, NobodyLosesTheFileUnderHim) {
  ChildProcess child([&](const auto& parent) {
    Snapshots snapshots(cache_);
    save(snapshots, "set", many(300, "child"));
    parent.report();
    parent.wait();
    // The pages it has in memory may serve; a damaged one may be noticed. It must not be a new
    // file.
    struct stat status {};
    if (::stat(file().c_str(), &status) != 0 || status.st_nlink != 1) FAIL();
  });
  ASSERT_EQ(child.wait_for_report(), '.');
  raw().run("PRAGMA user_version = 99");
  EXPECT_THROW(Snapshots{cache_}, std::system_error);
  child.go_on();
  EXPECT_EQ(child.join(), 0);
  Snapshots snapshots(cache_);
  save(snapshots, "set", {{"a", "1"}});
  EXPECT_THAT(loaded(snapshots, "set"), testing::SizeIs(1));
}

TEST_F(SnapshotsTest, TwoProcessesSaveSideBySide) {
  Snapshots snapshots(cache_);
  save(snapshots, "parent", many(50, "before"));
  ChildProcess child([&](const auto& parent) {
    Snapshots own(cache_);
    parent.report();
    for (int i = 0; i < 50; ++i) save(own, "child", many(50, std::to_string(i)));
    EXPECT_EQ(loaded(own, "parent").size(), 50U);
  });
  ASSERT_EQ(child.wait_for_report(), '.');
  for (int i = 0; i < 50; ++i) save(snapshots, "parent", many(50, std::to_string(i)));
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(loaded(snapshots, "parent"), many(50, "49"));
  EXPECT_EQ(loaded(snapshots, "child"), many(50, "49"));
}

TEST_F(SnapshotsTest, AKilledWriterLeavesTheOldSetOrTheNewOne) {
  const Rows old = many(2000, "old ");
  const Rows fresh = many(2000, "new ");
  save(*std::make_unique<Snapshots>(cache_), "set", old);
  for (int round = 0; round < 20; ++round) {
    ChildProcess child([&](const auto& parent) {
      Snapshots snapshots(cache_);
      std::vector<std::string_view> keys;
      for (const auto& [key, value] : fresh) keys.push_back(key);
      snapshots.replace("set", at(1), keys, [&](std::size_t i) {
        // Each value is asked for twice: to be compared, then to be written.
        static int asked = 0;
        if (++asked == 2000 + 100 * round) {
          parent.report();
          parent.wait();
        }
        return fresh.at(std::string(keys[i]));
      });
    });
    ASSERT_EQ(child.wait_for_report(), '.');
    child.kill();
    Snapshots snapshots(cache_);
    ASSERT_EQ(loaded(snapshots, "set"), old);
    ASSERT_EQ(snapshots.taken("set"), at(0));
  }
}

TEST_F(SnapshotsTest, ADirectoryThatCannotBeUsedIsAnError) {
  std::ofstream(cache_) << "a file";
  EXPECT_THROW(Snapshots{cache_}, std::system_error);
}

}  // namespace
}  // namespace glancefs::cache
