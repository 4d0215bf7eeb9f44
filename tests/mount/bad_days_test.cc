// What goes wrong under a mount: the exact errno, in bounded time, and nothing lost.
#include <signal.h>

#include <filesystem>

#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using devcloud::Fault;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

constexpr const char* kData = "/v2/images/.*/file";

class BadDays : public MountedCloud {
 protected:
  Fault data_fault(Fault::Kind kind, std::uint64_t after = 0, int times = -1) {
    Fault fault;
    fault.kind = kind;
    fault.method = "GET";
    fault.path = kData;
    fault.after = after;
    fault.times = times;
    return fault;
  }
  // cp of `size` bytes, caught in the middle of an upload that has stalled.
  std::unique_ptr<Background> stalled_copy(std::size_t size) {
    Fault fault;
    fault.kind = Fault::Kind::kRequestStall;
    fault.method = "PUT";
    fault.after = 1000;
    const int id = cloud_.add_fault(fault);
    write_file(directory_ / "a", pattern(size));
    auto copy = std::make_unique<Background>(
        "exec cp " + (directory_ / "a") + " " + mount_point_ + "/private/", Environment{});
    EXPECT_TRUE(cloud_.wait_until([&] { return cloud_.fault_hits(id) > 0; }));
    return copy;
  }
  // Reads the whole image, with the expected bytes beside it.
  Result compare(const std::string& data) {
    write_file(directory_ / "expected", data);
    return sh("cmp $M/private/a $D/expected");
  }
};

// A way for an answer to break.
struct Break {
  const char* name;
  Fault::Kind kind;
};

void PrintTo(const Break& each, std::ostream* out) { *out << each.name; }

class Passing : public BadDays, public testing::WithParamInterface<Break> {};

TEST_P(Passing, OneBrokenAnswerIsMadeUpFor) {
  const std::string data = pattern(1'500'000);
  add("a", data);
  mount("timeout=2");
  const int fault = cloud_.add_fault(data_fault(GetParam().kind, 100'000, 1));
  const Result result = compare(data);
  EXPECT_EQ(result.code, 0) << result.output << daemon_->output();
  EXPECT_EQ(cloud_.fault_hits(fault), 1);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, Passing,
    testing::Values(Break{"Reset", Fault::Kind::kReset}, Break{"Truncate", Fault::Kind::kTruncate},
                    Break{"Stall", Fault::Kind::kStall},
                    Break{"LoseAnswer", Fault::Kind::kLoseAnswer},
                    Break{"WrongContentRange", Fault::Kind::kWrongContentRange}),
    [](const auto& each) { return each.param.name; });

class Lasting : public BadDays, public testing::WithParamInterface<Break> {};

TEST_P(Lasting, AlwaysBrokenAnswersEndInAnErrorAndNeverInWrongBytes) {
  const std::string data = pattern(1'500'000);
  add("a", data);
  mount("timeout=1");
  cloud_.add_fault(data_fault(GetParam().kind));
  write_file(directory_ / "expected", data);
  const Result result = sh("cmp $M/private/a $D/expected", std::chrono::seconds(60));
  EXPECT_EQ(result.code, 2) << result.output;
  EXPECT_THAT(result.output, AnyOf(HasSubstr("Input/output error"), HasSubstr("timed out"),
                                   HasSubstr("Stale file handle")));
  cloud_.clear_faults();
  EXPECT_EQ(compare(data).code, 0) << "it recovers by itself";
}

INSTANTIATE_TEST_SUITE_P(Faults, Lasting,
                         testing::Values(Break{"Reset", Fault::Kind::kReset},
                                         Break{"Truncate", Fault::Kind::kTruncate},
                                         Break{"Stall", Fault::Kind::kStall}),
                         [](const auto& each) { return each.param.name; });

TEST_F(BadDays, CorruptedBytesAreNeverTheLastWord) {
  const std::string data = pattern(1'500'000);
  const std::string id = add("a", data);
  cloud_.corrupt_data(id, 700'000, "rot");
  mount();
  write_file(directory_ / "expected", data);
  const Result result = sh("cat $M/private/a > $D/copy");
  EXPECT_NE(result.code, 0);
  EXPECT_THAT(result.output, HasSubstr("Input/output error"));
  EXPECT_THAT(reason("private/a"), HasSubstr("hash"));
}

TEST_F(BadDays, LostDataIsAnErrorAndNotAnEmptyFile) {
  cloud_.erase_data(add("a", pattern(1000)));
  mount();
  EXPECT_THAT(sh("cat $M/private/a").output, HasSubstr("Input/output error"));
  EXPECT_THAT(reason("private/a"), HasSubstr("204"));
}

TEST_F(BadDays, AShortenedBlobIsAnErrorInBoundedTime) {
  cloud_.truncate_data(add("a", pattern(200'000)), 1000);
  mount("timeout=1");
  EXPECT_THAT(sh("cat $M/private/a > $D/copy", std::chrono::seconds(60)).output,
              AnyOf(HasSubstr("Input/output error"), HasSubstr("timed out")));
}

TEST_F(BadDays, AnImageDeletedWhileItIsReadIsStale) {
  const std::string id = add("a", pattern(4'000'000));
  mount();
  Background reader("exec 3< " + mount_point_ +
                        "/private/a; head -c 10 <&3 > /dev/null; echo opened; "
                        "while [ ! -e " +
                        (directory_ / "gone") +
                        " ]; do sleep 0.02; done; "
                        "dd bs=1000 skip=3000 count=1 <&3",
                    {});
  ASSERT_TRUE(reader.wait_for_output("opened"));
  cloud_.delete_image(id);
  write_file(directory_ / "gone", "");
  EXPECT_EQ(reader.wait(), 1);
  EXPECT_THAT(reader.output(), HasSubstr("Stale file handle"));
}

TEST_F(BadDays, AStalledReaderIsInterruptedAtOnce) {
  add("a", pattern(1'000'000));
  mount();
  const int fault = cloud_.add_fault(data_fault(Fault::Kind::kStall));
  Background reader("exec cat " + mount_point_ + "/private/a", {});
  ASSERT_TRUE(cloud_.wait_until([&] { return cloud_.fault_hits(fault) > 0; }));
  EXPECT_EQ(out("ls $M/private"), "a") << "others are not held up";
  reader.signal(SIGINT);
  EXPECT_EQ(reader.wait(std::chrono::seconds(5)), 128 + SIGINT);
}

TEST_F(BadDays, AHundredStalledReadersDoNotStopTheMount) {
  add("a", pattern(1'000'000));
  mount();
  const int fault = cloud_.add_fault(data_fault(Fault::Kind::kStall));
  Background readers(
      "for i in $(seq 100); do cat " + mount_point_ + "/private/a > /dev/null & done; wait", {});
  ASSERT_TRUE(cloud_.wait_until([&] { return cloud_.fault_hits(fault) > 0; }));
  EXPECT_EQ(out("stat -c %s $M/private/a"), "1000000");
  readers.signal(SIGKILL);
  EXPECT_EQ(readers.wait(std::chrono::seconds(10)), 128 + SIGKILL);
  cloud_.clear_faults();
}

TEST_F(BadDays, TheCloudAwayLeavesListingAndCachedImages) {
  const std::string data = pattern(100'000);
  add("a", data);
  add("b", data + "different");  // equal bytes would come from the cache of the other
  mount("metadata-ttl=1,connect-timeout=1,timeout=1");
  EXPECT_EQ(compare(data).code, 0);
  cloud_.glance_down(true);
  EXPECT_EQ(out("ls $M/private"), "a\nb");
  EXPECT_EQ(compare(data).code, 0);
  EXPECT_NE(sh("cat $M/private/b", std::chrono::seconds(60)).code, 0);
  cloud_.glance_down(false);
  EXPECT_EQ(out("cat $M/private/b | wc -c"), "100009");
}

TEST_F(BadDays, KeystoneDownIsAnOutageAndNoRefusal) {
  const std::string data = pattern(100'000);
  add("a", data);
  mount("connect-timeout=1");
  cloud_.keystone_down(true);
  EXPECT_EQ(compare(data).code, 0) << "the token still works";
  cloud_.expire_tokens();
  add("b", data);
  const Result result = sh("setfattr -n user.glance.x -v y $M/private/a", std::chrono::seconds(60));
  EXPECT_NE(result.code, 0);
  cloud_.keystone_down(false);
  // A login that failed is not tried again within five seconds.
  EXPECT_EQ(sh("for i in $(seq 200); do setfattr -n user.glance.x -v y $M/private/a 2>/dev/null && "
               "exit 0; sleep 0.1; done; exit 1")
                .code,
            0)
      << reason("private/a");
}

TEST_F(BadDays, AnExpiredTokenIsRenewedWhileReading) {
  add("a", pattern(1000));
  mount();
  cloud_.expire_tokens();
  EXPECT_EQ(out("cat $M/private/a | wc -c"), "1000");
}

TEST_F(BadDays, AnExpiredTokenIsRenewedWhileWriting) {
  mount();
  cloud_.expire_tokens();
  write_file(directory_ / "b", "data");
  EXPECT_EQ(sh("cp $D/b $M/private/").code, 0) << reason("private/b");
}

TEST_F(BadDays, CtrlCDuringAStalledUploadKeepsTheBytes) {
  mount();
  const auto copy = stalled_copy(30'000'000);
  copy->signal(SIGINT);
  EXPECT_NE(copy->wait(std::chrono::seconds(10)), -1);
  EXPECT_THAT(out("cat $M/.glancefs/pending"), HasSubstr("private/a"));
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
  cloud_.clear_faults();
}

TEST_F(BadDays, AKilledDaemonsUploadIsFinishedByTheNextMount) {
  mount();
  const auto copy = stalled_copy(3'000'000);
  kill_daemon();
  EXPECT_NE(copy->wait(), 0);
  cloud_.clear_faults();
  mount();
  EXPECT_TRUE(cloud_.wait_until([&] {
    const auto image = cloud_.image(id_of("a"));
    return image && image->status == "active";
  }));
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
}

TEST_F(BadDays, AKilledDaemonsUploadWaitsToBeAskedForOrGoesAsTheNextMountIsTold) {
  for (const std::string recover : {"keep", "discard"}) {
    mount();
    const auto copy = stalled_copy(3'000'000);
    kill_daemon();
    EXPECT_NE(copy->wait(), 0);
    cloud_.clear_faults();
    mount("recover=" + recover);
    const bool kept = recover == "keep";
    EXPECT_EQ(pending().find("private/a  kept") == 0, kept) << pending();
    EXPECT_EQ(sh("[ -e $M/private/a ]").code, kept ? 0 : 1);
    if (kept) {
      EXPECT_EQ(sh("setfattr -n user.glancefs.upload -v 1 $M/private/a && rm $M/private/a").code,
                0);
    }
    EXPECT_EQ(cloud_.image_ids().size(), 0U);
    unmount();
    EXPECT_TRUE(std::filesystem::is_empty(directory_ / "state"));
  }
}

TEST_F(BadDays, StoresWithoutRangesAreReadByOneStream) {
  const std::string data = pattern(2'000'000);
  devcloud::Image image = devcloud::image_named("a");
  cloud_.add_image(image, devcloud::Blob(data));
  cloud_.add_fault(data_fault(Fault::Kind::kIgnoreRange));
  mount();
  EXPECT_EQ(compare(data).code, 0);
}

TEST_F(BadDays, AFullCacheServesAllTheSame) {
  const std::string data = pattern(3'000'000);
  add("a", data);
  mount("cache-size=256K");
  EXPECT_EQ(compare(data).code, 0);
}

}  // namespace
}  // namespace glancefs::mount_test
