// The catalogue over time: what is asked for when, what is kept for the next mount, and what is
// shown while the cloud does not answer.
#include <gmock/gmock.h>

#include <functional>
#include <thread>

#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using namespace std::chrono_literals;
using client::HttpError;
using client::Operation;
using client::Status;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;
using Call = test::FakeImages::Call;

constexpr int kAlways = 1'000'000;

std::exception_ptr unreachable() {
  return std::make_exception_ptr(
      HttpError(Operation::kList, client::Failure::kConnect, "GET /v2/images", "refused"));
}

std::exception_ptr status(int code) {
  return std::make_exception_ptr(
      HttpError(Operation::kList, code, "GET /v2/images", "no", "req-1"));
}

bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 2000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

void deactivate(client::Image& image) {
  image.status = Status::kDeactivated;
  image.status_word = "deactivated";
}

class Freshly : public RigTest {
 protected:
  int calls(Call call) const { return rig_.images.calls(call); }
  std::vector<std::string> names(const std::string& directory = "private") {
    return rig_.names(directory);
  }
  bool shows(const std::string& name) {
    return eventually([&] { return std::ranges::count(names(), name) == 1; });
  }
  std::string catalogue_line() {
    const std::string text = rig_.control("status");
    const auto at = text.find("catalogue");
    return text.substr(at, text.find('\n', at) - at);
  }
  void refresh() {
    files().set_xattr(rig_.directory_node("private"), "user.glancefs.refresh", "1", XattrMode::kSet,
                      {});
  }
  /// Polls until another one has ended.
  bool poll() {
    // Two scans for each; the third is of the next, so that this one has been taken in.
    const int before = calls(Call::kList);
    return rig_.images.wait_for_calls(Call::kList, before + 5);
  }
};

TEST_F(Freshly, ChangesOfOthersShowByThemselves) {
  rig_.config.metadata_ttl = 0ms;
  rig_.images.add("a", "data");
  rig_.start();
  const std::string id = rig_.images.id_of("a");
  rig_.images.edit(id, [](client::Image& image) { image.name = "b"; });
  EXPECT_TRUE(shows("b"));
  rig_.images.edit(id, [](client::Image& image) { image.hidden = true; });
  EXPECT_TRUE(eventually([&] { return names().empty(); }));
  rig_.images.edit(id, [](client::Image& image) { image.hidden = false; });
  EXPECT_TRUE(shows("b"));
  rig_.images.erase(id);
  EXPECT_TRUE(eventually([&] { return names().empty(); })) << "by a sweep";
}

TEST_F(Freshly, APollWithoutNewsIsTwoScansAndNothingElse) {
  rig_.config.metadata_ttl = 0ms;
  rig_.images.add("a", "data");
  rig_.start();
  ASSERT_TRUE(poll());
  EXPECT_EQ(calls(Call::kQuota), 1);
  EXPECT_EQ(calls(Call::kShow), 0);
  rig_.images.add("b", "data");
  EXPECT_TRUE(shows("b"));
  EXPECT_TRUE(rig_.images.wait_for_calls(Call::kQuota, 2)) << "what is used may have changed";
}

TEST_F(Freshly, ADeletionHereAsksForTheQuota) {
  rig_.config.metadata_ttl = 0ms;
  rig_.images.add("a", "data");
  rig_.start();
  files().unlink(rig_.directory_node("private"), "a", {});
  EXPECT_TRUE(rig_.images.wait_for_calls(Call::kQuota, 2));
}

TEST_F(Freshly, ASecondChangeInTheSameSecondIsNotLost) {
  rig_.config.metadata_ttl = 0ms;
  client::Image record = rig_.images.add("a", "data");
  rig_.start();
  record.name = "b";
  rig_.images.put(record);
  EXPECT_TRUE(shows("b"));
  record.name = "c";
  rig_.images.put(record);
  EXPECT_TRUE(shows("c"));
}

// The fake's clock is not ours: what is made here must not make us wait for ours to come round.
TEST_F(Freshly, OnlyTheClockOfTheServerCounts) {
  rig_.config.metadata_ttl = 0ms;
  rig_.images.add("a", "data");
  rig_.start();
  auto [entry, opened] =
      files().create(rig_.directory_node("private"), "mine", O_RDWR, kWriter, {});
  rig_.images.add("b", "data");
  EXPECT_TRUE(shows("b"));
  files().release(std::move(opened.handle));
}

// While the listing runs, an image is changed that has been listed; and one that is listed later
// is changed later. The time of the one must not hide the other.
TEST_F(Freshly, WhatChangesWhileItIsListedIsNotLost) {
  rig_.config.metadata_ttl = 0ms;
  const client::Image seen = rig_.images.add("a", "data");
  const client::Image later =
      rig_.images.add("h", "data", [](client::Image& image) { image.hidden = true; });
  rig_.images.hold(Call::kList);
  std::thread mounting([&] { rig_.start(); });
  EXPECT_TRUE(rig_.images.wait_for_waiting(Call::kList, 1));
  rig_.images.release(Call::kList, 1);
  EXPECT_TRUE(rig_.images.wait_for_calls(Call::kList, 2));
  rig_.images.edit(seen.id, [](client::Image& image) { image.name = "b"; });
  for (int i = 0; i < 20; ++i) rig_.images.edit(later.id, [](client::Image&) {});
  rig_.images.release(Call::kList);
  mounting.join();
  EXPECT_TRUE(shows("b"));
}

TEST_F(Freshly, WhileTheCloudIsAwayNobodyWaitsForIt) {
  rig_.config.metadata_ttl = 0ms;
  const client::Image image = rig_.images.add("a", pattern(1000));
  rig_.start();
  const NodeId node = rig_.node("private", "a");
  EXPECT_EQ(rig_.read_all(node), pattern(1000));
  rig_.images.fail(Call::kList, unreachable(), kAlways);
  ASSERT_TRUE(
      eventually([&] { return catalogue_line().find("offline since") != std::string::npos; }));
  EXPECT_THAT(catalogue_line(), HasSubstr("refused"));
  rig_.images.hold(Call::kShow);
  EXPECT_EQ(rig_.read_all(node), pattern(1000));
  const int lists = calls(Call::kList);
  EXPECT_EQ(rig_.node("private", "unknown"), NodeId{0});
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
  EXPECT_LE(calls(Call::kList), lists + 1) << "the next try of the refresh at most";
  EXPECT_EQ(calls(Call::kShow), 1) << "of the first read";
  rig_.images.release(Call::kShow);
}

TEST_F(Freshly, ARefreshByHandEndsAnOutageAtOnce) {
  rig_.config.metadata_ttl = 0ms;
  rig_.images.add("a", "data");
  rig_.start();
  rig_.images.fail(Call::kList, unreachable(), 12);
  // Tries are rare by now.
  ASSERT_TRUE(
      eventually([&] { return catalogue_line().find("offline since") != std::string::npos; }));
  for (int i = 0; i < 11; ++i) EXPECT_THROW(refresh(), HttpError);
  while (errno_thrown([&] { refresh(); }) != 0) {
  }
  EXPECT_THAT(catalogue_line(), Not(HasSubstr("offline")));
}

TEST_F(Freshly, ItComesBackByItself) {
  rig_.config.metadata_ttl = 0ms;
  rig_.start();
  rig_.images.fail(Call::kList, status(503), 2);
  ASSERT_TRUE(
      eventually([&] { return catalogue_line().find("offline since") != std::string::npos; }));
  rig_.images.add("b", "data");
  EXPECT_TRUE(shows("b"));
  EXPECT_THAT(catalogue_line(), Not(HasSubstr("offline")));
}

TEST_F(Freshly, AQuestionThatIsNotAnsweredIsNoticed) {
  rig_.images.add("a", "data");
  rig_.start();
  rig_.images.fail(Call::kList, unreachable(), 1);
  EXPECT_EQ(rig_.node("private", "unknown"), NodeId{0});
  EXPECT_THAT(catalogue_line(), HasSubstr("offline since"));
  EXPECT_TRUE(eventually([&] { return catalogue_line().find("offline") == std::string::npos; }))
      << "the ttl is long, but the next try comes soon";
}

TEST_F(Freshly, ARefusalIsNotAnOutage) {
  rig_.config.metadata_ttl = 0ms;
  rig_.images.add("a", pattern(1000));
  rig_.start();
  const NodeId node = rig_.node("private", "a");
  EXPECT_EQ(rig_.read_all(node), pattern(1000));
  rig_.images.fail(Call::kList, status(403), kAlways);
  rig_.images.fail(Call::kShow, status(403), kAlways);
  ASSERT_TRUE(
      eventually([&] { return catalogue_line().find("not refreshed: ") != std::string::npos; }));
  EXPECT_EQ(errno_thrown([&] { files().open(node, O_RDONLY, {}, {}); }), EACCES)
      << "whom Glance refuses has no use of the cache either";
}

class Keeping : public Freshly {
 protected:
  Keeping() {
    rig_.config.catalogue_key = "demo's";
    rig_.config.first_refresh = 10ms;
    rig_.config.offline = true;
    rig_.snapshots = std::make_unique<cache::Snapshots>(rig_.directory / "cache");
  }
  /// As the next mount, which the cloud does not answer.
  void restart_offline() {
    rig_.stop();
    rig_.images.fail(Call::kList, unreachable(), kAlways);
    rig_.images.fail(Call::kShow, unreachable(), kAlways);
    rig_.start();
  }
};

TEST_F(Keeping, TheNextMountDoesNotWaitForAListing) {
  rig_.images.add("a", pattern(1000));
  rig_.start();
  const NodeId before = rig_.node("private", "a");
  EXPECT_EQ(rig_.read_all(before), pattern(1000));
  rig_.stop();
  rig_.images.hold(Call::kList);
  rig_.start();
  EXPECT_THAT(names(), ElementsAre("a"));
  const int shown = calls(Call::kShow);
  EXPECT_EQ(rig_.node("private", "a"), before);
  EXPECT_EQ(rig_.read_all(before), pattern(1000));
  EXPECT_EQ(calls(Call::kShow), shown + 1) << "nobody had confirmed it to this mount";
  EXPECT_EQ(rig_.read_all(before), pattern(1000));
  EXPECT_EQ(calls(Call::kShow), shown + 1);
  rig_.images.add("b", "data");
  rig_.images.release(Call::kList);
  EXPECT_TRUE(shows("b"));
}

TEST_F(Keeping, ASmallCatalogueIsShownFresh) {
  rig_.config.first_refresh = 10s;
  rig_.images.add("a", "data");
  rig_.start();
  rig_.stop();
  rig_.images.erase(rig_.images.id_of("a"));
  rig_.images.add("b", "data");
  rig_.start();
  EXPECT_THAT(names(), ElementsAre("b"));
}

TEST_F(Keeping, WithoutTheCloudEverythingIsAsItWasLast) {
  const client::Image image = rig_.images.add("a", pattern(1000), [](client::Image& made) {
    made.properties = {{"os_distro", "debian"}};
  });
  rig_.images.add("offline", "data", deactivate);
  rig_.start();
  EXPECT_EQ(rig_.read_all(rig_.node("private", "a")), pattern(1000));
  restart_offline();
  EXPECT_THAT(names(), UnorderedElementsAre("a", "offline"));
  const NodeId node = rig_.node("private", "a");
  EXPECT_EQ(files().attributes(node).size, 1000U);
  EXPECT_EQ(files().xattr(node, "user.glance.os_distro"), "debian");
  EXPECT_EQ(rig_.read_all(node), pattern(1000));
  const NodeId withdrawn = rig_.node("private", "offline");
  EXPECT_EQ(errno_thrown([&] { files().open(withdrawn, O_RDONLY, {}, {}); }), EACCES);
  EXPECT_THAT(catalogue_line(), HasSubstr("2 images, from "));
  EXPECT_THAT(catalogue_line(), HasSubstr("offline since "));
}

TEST_F(Keeping, OfflineMustBeWanted) {
  rig_.config.offline = false;
  rig_.config.first_refresh = 10s;
  rig_.images.add("a", "data");
  rig_.start();
  EXPECT_THROW(restart_offline(), HttpError);
}

TEST_F(Keeping, ARefusalIsNeverPassedOver) {
  rig_.config.first_refresh = 10s;
  rig_.images.add("a", "data");
  rig_.start();
  rig_.stop();
  rig_.images.fail(Call::kList, status(401), kAlways);
  EXPECT_THROW(rig_.start(), HttpError);
}

TEST_F(Keeping, WithoutAKeptCatalogueThereIsNothingToShow) {
  rig_.images.fail(Call::kList, unreachable(), kAlways);
  EXPECT_THROW(rig_.start(), HttpError);
}

TEST_F(Keeping, AnotherKeySeesNothingOfIt) {
  rig_.images.add("a", "data");
  rig_.start();
  rig_.config.catalogue_key = "other's";
  EXPECT_THROW(restart_offline(), HttpError);
}

TEST_F(Keeping, TheOtherMountsCatalogueStays) {
  rig_.images.add("a", "data");
  rig_.start();
  rig_.stop();
  rig_.config.catalogue_key = "other's";
  rig_.images.erase(rig_.images.id_of("a"));
  rig_.start();
  rig_.config.catalogue_key = "demo's";
  restart_offline();
  EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(Keeping, WhatGlanceSaidIsGoneIsGone) {
  rig_.config.metadata_ttl = 0ms;
  const client::Image image = rig_.images.add("a", "data");
  rig_.start();
  const NodeId node = rig_.node("private", "a");
  rig_.images.fail(Call::kList, status(500), kAlways);  // no sweep finds out
  rig_.images.erase(image.id);
  EXPECT_EQ(errno_thrown([&] { files().open(node, O_RDONLY, {}, {}); }), ENOENT);
  restart_offline();
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(Keeping, WhatWasDeletedHereIsGone) {
  rig_.images.add("a", "data");
  rig_.images.add("b", "data");
  rig_.start();
  files().unlink(rig_.directory_node("private"), "a", {});
  restart_offline();
  EXPECT_THAT(names(), ElementsAre("b"));
}

TEST_F(Keeping, WhatWasWrittenJustBeforeTheEndIsKept) {
  rig_.images.add("a", "data");
  rig_.start();
  rig_.copy_in("private", "new", pattern(1000));
  files().rename(rig_.directory_node("private"), "a", rig_.directory_node("private"), "b", 0, {});
  restart_offline();
  EXPECT_THAT(names(), UnorderedElementsAre("b", "new"));
  EXPECT_EQ(rig_.read_all(rig_.node("private", "new")), pattern(1000));
}

TEST_F(Keeping, WhatASweepMissedIsGone) {
  rig_.images.add("a", "data");
  rig_.images.add("b", "data");
  rig_.start();
  rig_.images.erase(rig_.images.id_of("a"));
  refresh();
  restart_offline();
  EXPECT_THAT(names(), ElementsAre("b"));
}

TEST_F(Keeping, RightsThatWereWithdrawnAtAnOpenStayWithdrawn) {
  rig_.config.metadata_ttl = 0ms;
  const client::Image image = rig_.images.add("a", "data");
  rig_.start();
  const NodeId node = rig_.node("private", "a");
  EXPECT_EQ(rig_.read_all(node), "data");
  rig_.images.fail(Call::kList, status(500), kAlways);
  rig_.images.edit(image.id, deactivate);
  EXPECT_EQ(errno_thrown([&] { files().open(node, O_RDONLY, {}, {}); }), EACCES);
  restart_offline();
  EXPECT_EQ(errno_thrown([&] { files().open(node, O_RDONLY, {}, {}); }), EACCES);
}

TEST_F(Keeping, APollIsKeptToo) {
  rig_.config.metadata_ttl = 0ms;
  rig_.start();
  rig_.images.add("a", "data");
  EXPECT_TRUE(shows("a"));
  restart_offline();
  EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(Keeping, AfterAnOfflineStartItRecovers) {
  rig_.images.add("a", "data");
  rig_.start();
  rig_.stop();
  rig_.images.fail(Call::kList, unreachable(), 2);
  rig_.start();
  EXPECT_THAT(catalogue_line(), HasSubstr("offline since"));
  rig_.images.erase(rig_.images.id_of("a"));
  rig_.images.add("b", "data");
  EXPECT_TRUE(shows("b"));
  EXPECT_THAT(names(), ElementsAre("b")) << "what has gone meanwhile, too";
}

TEST_F(Keeping, ADamagedFileCostsOnlyWhatWasKept) {
  rig_.images.add("a", "data");
  rig_.start();
  rig_.stop();
  rig_.snapshots.reset();
  {
    cache::Database database(rig_.directory / "cache/snapshots.sqlite");
    database.run("UPDATE rows SET value = zeroblob(20), sum = 0");
    database.run("DROP TABLE rows");
  }
  rig_.snapshots = std::make_unique<cache::Snapshots>(rig_.directory / "cache");
  rig_.start();
  EXPECT_THAT(names(), ElementsAre("a"));
  restart_offline();
  EXPECT_THAT(names(), ElementsAre("a")) << "it was kept anew";
}

}  // namespace
}  // namespace glancefs::fs
