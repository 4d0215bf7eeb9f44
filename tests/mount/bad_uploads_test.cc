// Uploads that go wrong: what cp hears, what is left at Glance, and that the bytes stay.
#include <signal.h>
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>

#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using devcloud::Fault;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t kSize = 1'000'000;
// More than what is on its way between the two. Who has sent all of it gives the server minutes.
constexpr std::size_t kLarge = 30'000'000;
constexpr const char* kFile = "/v2/images/.*/file";

Fault upload_fault(Fault::Kind kind, std::uint64_t after, int times) {
  Fault fault;
  fault.kind = kind;
  fault.method = "PUT";
  fault.path = kFile;
  fault.after = after;
  fault.times = times;
  return fault;
}

Fault refusal(const char* method, int status, const std::string& message, int times = -1) {
  Fault fault =
      devcloud::answer_fault(status, R"({"message":")" + message + R"(","code":"","title":""})",
                             {{"Content-Type", "application/json"}});
  fault.method = method;
  fault.path = std::string(method) == "POST" ? "/v2/images$" : kFile;
  fault.times = times;
  return fault;
}

Fault page(int status, const std::string& title, int times = -1) {
  Fault fault = devcloud::answer_fault(
      status, "<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body>",
      {{"Content-Type", "text/html"}, {"Connection", "close"}});
  fault.method = "PUT";
  fault.path = kFile;
  fault.times = times;
  return fault;
}

class BadUploads : public MountedCloud {
 protected:
  explicit BadUploads(devcloud::Config config = {}) : MountedCloud(std::move(config)) {}

  Result copy() {
    write_file(directory_ / "a", pattern(kSize));
    return sh("cp $D/a $M/private/", std::chrono::seconds(60));
  }
  // cp, caught while Glance has half of the bytes.
  std::unique_ptr<Background> half_a_copy() {
    stall_ = cloud_.add_fault(upload_fault(Fault::Kind::kRequestStall, kSize / 2, 1));
    write_file(directory_ / "a", pattern(kSize));
    auto copy = std::make_unique<Background>(
        "exec cp " + (directory_ / "a") + " " + mount_point_ + "/private/",
        Environment{{"LC_ALL", "C.UTF-8"}});
    EXPECT_TRUE(cloud_.wait_until([&] {
      const auto log = cloud_.log();
      return std::ranges::any_of(log, [](const devcloud::LogEntry& entry) {
        return entry.method == "PUT" && entry.received == kSize / 2;
      });
    }));
    return copy;
  }
  void expect_at_glance() {
    EXPECT_EQ(cloud_.image_ids().size(), 1U);
    const auto image = cloud_.image(id_of("a"));
    ASSERT_TRUE(image.has_value());
    EXPECT_EQ(image->status, "active");
    EXPECT_EQ(image->os_hash_value, devcloud::Blob(pattern(kSize)).hashes().sha512);
    EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
    EXPECT_EQ(pending(), "");
    EXPECT_TRUE(eventually([&] { return std::filesystem::is_empty(directory_ / "state"); }));
  }
  // Nothing is left at Glance, everything here, and it can be sent as soon as the trouble is over.
  void expect_kept() {
    EXPECT_EQ(cloud_.image_ids().size(), 0U);
    EXPECT_THAT(pending(), HasSubstr("private/a  failed"));
    EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
    cloud_.clear_faults();
    EXPECT_EQ(sh("setfattr -n user.glancefs.upload -v 1 $M/private/a").code, 0)
        << reason("private/a");
    expect_at_glance();
  }
  // Ids under which something was uploaded, in order.
  std::vector<std::string> ids_tried() const {
    std::vector<std::string> ids;
    for (const auto& entry : cloud_.log()) {
      if (entry.method == "PUT" && entry.pattern == "/v2/images/{id}/file") {
        ids.push_back(entry.path.substr(entry.path.size() - 41, 36));
      }
    }
    return ids;
  }

  int stall_ = 0;
};

struct Passing {
  const char* name;
  Fault fault;
};

class PassingTrouble : public BadUploads, public testing::WithParamInterface<Passing> {};

TEST_P(PassingTrouble, EndsInOneImage) {
  mount();
  const int fault = cloud_.add_fault(GetParam().fault);
  EXPECT_EQ(copy().code, 0) << reason("private/a");
  EXPECT_EQ(cloud_.fault_hits(fault), 1);
  expect_at_glance();
}

INSTANTIATE_TEST_SUITE_P(
    Faults, PassingTrouble,
    testing::Values(
        Passing{"ResetAtOnePercent", upload_fault(Fault::Kind::kRequestReset, kSize / 100, 1)},
        Passing{"ResetInTheMiddle", upload_fault(Fault::Kind::kRequestReset, kSize / 2, 1)},
        Passing{"ResetNearTheEnd", upload_fault(Fault::Kind::kRequestReset, kSize / 100 * 99, 1)},
        Passing{"ResetAfterTheLastByteNotStored",
                upload_fault(Fault::Kind::kRequestReset, kSize, 1)},
        Passing{"AnswerLostAfterStoring", upload_fault(Fault::Kind::kLoseAnswer, 0, 1)},
        Passing{"BadGateway", page(502, "502 Bad Gateway", 1)},
        Passing{"Unavailable", page(503, "503 Service Unavailable", 1)},
        Passing{"GatewayTimeout", page(504, "504 Gateway Time-out", 1)},
        Passing{"TooMany", refusal("PUT", 429, "slow down", 1)},
        Passing{"CreateUnavailable", refusal("POST", 503, "no", 1)}),
    [](const auto& each) { return each.param.name; });

struct Lasting {
  const char* name;
  Fault fault;
  const char* says;   ///< cp
  const char* where;  ///< which call of cp's failed, as it says
  const char* reason;
};

class LastingTrouble : public BadUploads, public testing::WithParamInterface<Lasting> {};

TEST_P(LastingTrouble, ReachesCpAndKeepsTheBytes) {
  mount("timeout=1");
  cloud_.add_fault(GetParam().fault);
  const Result result = copy();
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.output, HasSubstr(GetParam().says));
  EXPECT_THAT(result.output, HasSubstr(GetParam().where));
  EXPECT_THAT(reason("private/a"), HasSubstr(GetParam().reason));
  expect_kept();
}

constexpr const char* kClose = "failed to close";

INSTANTIATE_TEST_SUITE_P(
    Faults, LastingTrouble,
    testing::Values(
        Lasting{"ResetAtOnePercent", upload_fault(Fault::Kind::kRequestReset, kSize / 100, -1),
                "Input/output error", kClose, "PUT"},
        Lasting{"ResetNearTheEnd", upload_fault(Fault::Kind::kRequestReset, kSize / 100 * 99, -1),
                "Input/output error", kClose, "PUT"},
        Lasting{"ResetAfterTheLastByte", upload_fault(Fault::Kind::kRequestReset, kSize, -1),
                "Input/output error", kClose, "PUT"},
        Lasting{"FrontEndLimit", page(413, "413 Request Entity Too Large"), "File too large",
                kClose, "a server in front of Glance"},
        Lasting{"BadGateway", page(502, "502 Bad Gateway"), "Input/output error", kClose, "502"},
        Lasting{"Unavailable", page(503, "503 Service Unavailable"), "Input/output error", kClose,
                "503"},
        Lasting{"GatewayTimeout", page(504, "504 Gateway Time-out"), "Input/output error", kClose,
                "504"},
        Lasting{"ServerError", refusal("PUT", 500, "store trouble"), "Input/output error", kClose,
                "store trouble"},
        Lasting{"Conflict",
                refusal("PUT", 409, "Image status transition from saving to saving is not allowed"),
                "Device or resource busy", kClose, "not allowed"},
        Lasting{"Gone", refusal("PUT", 410, "The image may have been deleted during the upload"),
                "Stale file handle", kClose, "deleted"},
        Lasting{"Count", refusal("POST", 413, "over the limit of images"), "Disk quota exceeded",
                kClose, "over the limit of images"},
        Lasting{"Quota", refusal("PUT", 413, "exceed the limit. 3 bytes remaining"),
                "Disk quota exceeded", kClose, "3 bytes remaining"},
        Lasting{"StoreFull", refusal("PUT", 413, "Image storage media is full"),
                "No space left on device", kClose, "media is full"},
        Lasting{"TooLarge", refusal("PUT", 413, "The incoming image is too large"),
                "File too large", kClose, "too large"},
        Lasting{"Policy", refusal("POST", 403, "You are not authorized"), "Permission denied",
                kClose, "not authorized"},
        Lasting{"ReadOnlyStore", refusal("PUT", 503, "Insufficient permissions on image storage"),
                "Read-only file system", kClose, "permissions"},
        Lasting{"Format", refusal("PUT", 415, "does not match stream data"), "Invalid argument",
                kClose, "does not match stream data"}),
    [](const auto& each) { return each.param.name; });

TEST_F(BadUploads, AStalledUploadEndsInBoundedTime) {
  mount("timeout=1");
  cloud_.add_fault(upload_fault(Fault::Kind::kRequestStall, kSize, -1));
  write_file(directory_ / "a", pattern(kLarge));
  const Result result = sh("cp $D/a $M/private/", std::chrono::seconds(60));
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.output, HasSubstr("Connection timed out"));
  EXPECT_EQ(cloud_.image_ids().size(), 0U);
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
  EXPECT_EQ(sh("rm $M/private/a").code, 0);
}

TEST_F(BadUploads, ATokenMayEndBeforeTheUploadDoes) {
  mount();
  const auto copy = half_a_copy();
  cloud_.expire_tokens();
  cloud_.release_fault(stall_);
  EXPECT_EQ(copy->wait(), 0) << copy->output();
  EXPECT_EQ(ids_tried().size(), 1U);
  expect_at_glance();
}

TEST_F(BadUploads, AServerErrorIsTriedAgainUnderANewId) {
  mount();
  cloud_.add_fault(refusal("PUT", 500, "", 1));
  EXPECT_EQ(copy().code, 0) << reason("private/a");
  const auto ids = ids_tried();
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_NE(ids[0], ids[1]) << "a leftover in the store would refuse the first one for ever";
  EXPECT_FALSE(cloud_.image(ids[0]).has_value());
  expect_at_glance();
}

TEST_F(BadUploads, ARestartOfGlanceInTheMiddleIsSurvived) {
  mount();
  const auto copy = half_a_copy();
  cloud_.glance_down(true);
  cloud_.glance_down(false);
  EXPECT_EQ(copy->wait(), 0) << copy->output() << reason("private/a");
  expect_at_glance();
}

TEST_F(BadUploads, AKilledWorkersStuckImageIsReplaced) {
  mount();
  cloud_.add_fault(upload_fault(Fault::Kind::kRequestKill, kSize, 1));
  write_file(directory_ / "a", pattern(kLarge));
  EXPECT_EQ(sh("cp $D/a $M/private/").code, 0) << reason("private/a");
  const auto ids = ids_tried();
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_NE(ids[0], ids[1]) << "nothing but deleting gets an image out of saving";
  EXPECT_EQ(cloud_.image_ids(), std::vector{ids[1]});
  EXPECT_EQ(cloud_.image(ids[1])->status, "active");
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0);
}

TEST_F(BadUploads, AnImageDeletedDuringItsUploadIsStaleAndCanBeSentAgain) {
  mount();
  const auto copy = half_a_copy();
  EXPECT_TRUE(cloud_.delete_image(id_of("a")));
  cloud_.release_fault(stall_);
  EXPECT_EQ(copy->wait(), 1);
  EXPECT_THAT(copy->output(), HasSubstr("Stale file handle"));
  expect_kept();
}

devcloud::Config strict() {
  devcloud::Config config;
  config.inspects = true;
  return config;
}

class Strict : public BadUploads {
 protected:
  Strict() : BadUploads(strict()) {}
};

TEST_F(Strict, ARecordPoisonedByItsFormatIsRemovedAndTheFormatCanBePutRight) {
  mount();
  write_file(directory_ / "a", pattern(kSize));
  EXPECT_NE(sh("exec 3> $M/private/a && setfattr -n user.glance.disk_format -v qcow2 $M/private/a "
               "&& cat $D/a >&3 && dd count=0 status=none >&3; exec 3>&-; "
               "setfattr -n user.glancefs.upload -v 1 $M/private/a")
                .code,
            0);
  EXPECT_THAT(reason("private/a"),
              testing::AnyOf(HasSubstr("does not match"), HasSubstr("is not qcow2")));
  EXPECT_EQ(cloud_.image_ids().size(), 0U);
  EXPECT_EQ(sh("setfattr -n user.glance.disk_format -v raw $M/private/a").code, 0);
  expect_kept();
}

TEST_F(BadUploads, WhatWasProtectedBeforeItsUploadFailedLeavesNothing) {
  mount();
  cloud_.add_fault(refusal("PUT", 413, "quota"));
  EXPECT_NE(sh("exec 3> $M/private/a && setfattr -n user.glance.protected -v true $M/private/a && "
               "echo data >&3; exec 3>&-; setfattr -n user.glancefs.upload -v 1 $M/private/a")
                .code,
            0);
  EXPECT_EQ(cloud_.image_ids().size(), 0U);
}

TEST_F(BadUploads, AnImageFilledBySomebodyElseMeanwhileIsLeftAlone) {
  const std::string id = cloud_.add_image(devcloud::image_named("q"));
  mount();
  write_file(directory_ / "a", pattern(kSize));
  Background writer("{ echo opened >&2; while [ ! -e " + (directory_ / "go") +
                        " ]; do sleep 0.02; done; exec cat " + (directory_ / "a") + "; } > " +
                        mount_point_ + "/private/q",
                    {});
  ASSERT_TRUE(writer.wait_for_output("opened"));
  cloud_.set_status(id, "saving");
  write_file(directory_ / "go", "");
  EXPECT_NE(writer.wait(), 0);
  EXPECT_THAT(writer.output(), HasSubstr("Device or resource busy"));
  EXPECT_EQ(cloud_.image(id)->status, "saving");
  EXPECT_EQ(sh("cmp $D/a $M/private/q").code, 0);
}

// The state directory on a disk of its own, which is soon full.
class FullDisk : public BadUploads {
 protected:
  void SetUp() override {
    BadUploads::SetUp();
    if (IsSkipped()) return;
    std::filesystem::create_directory(directory_ / "state");
    ASSERT_EQ(::mount("tmpfs", (directory_ / "state").c_str(), "tmpfs", 0, "size=4m,mode=0700"), 0);
  }
  void TearDown() override {
    if (daemon_) unmount();
    ::umount2((directory_ / "state").c_str(), MNT_DETACH);
  }
};

TEST_F(FullDisk, IsTheWritersErrorAndHarmsNobodyElse) {
  mount();
  cloud_.add_fault(refusal("PUT", 413, "quota", 1));
  EXPECT_EQ(copy().code, 1);
  write_file(directory_ / "big", pattern(8'000'000));
  const Result result = sh("cp $D/big $M/private/");
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.output, HasSubstr("error writing"));
  EXPECT_THAT(result.output, HasSubstr("No space left on device"));
  EXPECT_EQ(cloud_.image_ids().size(), 0U) << "half a file is no image";
  EXPECT_THAT(pending(), HasSubstr("private/big  unfinished"));
  EXPECT_EQ(sh("cmp $D/a $M/private/a").code, 0) << "the other one is unharmed";
  unmount();
  mount();
  EXPECT_TRUE(cloud_.wait_until([&] { return !id_of("a").empty(); }));
  EXPECT_EQ(id_of("big"), "") << "nor is it at the next mount";
  EXPECT_EQ(sh("rm $M/private/big").code, 0);
  write_file(directory_ / "small", pattern(2'000'000));
  EXPECT_EQ(sh("cp $D/small $M/private/").code, 0) << "there is room again";
  EXPECT_EQ(sh("cmp $D/small $M/private/small && cmp $D/a $M/private/a").code, 0);
}

}  // namespace
}  // namespace glancefs::mount_test
