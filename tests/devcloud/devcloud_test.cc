// That the development cloud has the traps and faults tests rely on.
#include "tests/devcloud/devcloud.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <memory>
#include <thread>

namespace glancefs::devcloud {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* kPatch = "application/openstack-images-v2.1-json-patch";
constexpr const char* kOctets = "application/octet-stream";

class DevCloudTest : public testing::Test {
 protected:
  explicit DevCloudTest(Config config = {}) : cloud_(std::move(config)) {
    token_ = cloud_.issue_token("demo", 1h);
  }

  httplib::Headers as(const std::string& token, httplib::Headers more = {}) const {
    more.emplace("X-Auth-Token", token);
    more.emplace("Accept", "application/json");
    return more;
  }
  httplib::Client client() const {
    httplib::Client made(cloud_.glance_url());
    made.set_read_timeout(10);
    return made;
  }
  httplib::Result get(const std::string& path, const httplib::Headers& more = {}) const {
    return client().Get("/v2/" + path, as(token_, more));
  }
  httplib::Result range(const std::string& id, const std::string& range) const {
    return get("images/" + id + "/file", {{"Range", range}});
  }
  httplib::Result put(const std::string& id, const std::string& bytes) const {
    return client().Put("/v2/images/" + id + "/file", as(token_), bytes, kOctets);
  }
  httplib::Result patch(const std::string& id, const std::string& operations) const {
    return client().Patch("/v2/images/" + id, as(token_), operations, kPatch);
  }
  httplib::Result create(const std::string& body) const {
    return client().Post("/v2/images", as(token_), body, "application/json");
  }
  static int status(const httplib::Result& result) { return result ? result->status : 0; }

  DevCloud cloud_;
  std::string token_;
};

TEST_F(DevCloudTest, AnswersEveryKindOfRange) {
  const std::string bytes = pattern(7, 0, 1000);
  const std::string id = cloud_.add_image(image_named("a"), Blob(bytes));
  const auto part = range(id, "bytes=990-2000");
  ASSERT_EQ(status(part), 206);
  EXPECT_EQ(part->body, bytes.substr(990));
  EXPECT_EQ(part->get_header_value("Content-Range"), "bytes 990-999/1000");
  EXPECT_EQ(part->get_header_value("Content-MD5"), *cloud_.image(id)->checksum);
  EXPECT_EQ(status(range(id, "bytes=1000-")), 416);
  EXPECT_EQ(status(range(id, "bytes=0-1,3-4")), 400);
  EXPECT_EQ(status(range(id, "bytes=-")), 500);
  const std::string queued = cloud_.add_image(image_named("b"));
  EXPECT_EQ(status(range(queued, "bytes=0-9")), 500);
  EXPECT_EQ(status(get("images/" + queued + "/file")), 204);
}

TEST_F(DevCloudTest, ServesGeneratedImagesWithoutHoldingThem) {
  constexpr std::uint64_t kSize = 1ULL << 42U;
  const std::string id =
      cloud_.add_image(image_named("huge"), Blob::generated(kSize, 3), Hashes{"m", "s"});
  const auto tail = range(id, "bytes=-100");
  ASSERT_EQ(status(tail), 206);
  EXPECT_EQ(tail->body, pattern(3, kSize - 100, 100));
}

TEST_F(DevCloudTest, LostAndDamagedDataShowAsInGlance) {
  const std::string id = cloud_.add_image(image_named("a"), Blob("some bytes"));
  EXPECT_TRUE(cloud_.corrupt_data(id, 0, "S"));
  EXPECT_EQ(get("images/" + id + "/file")->body, "Some bytes");
  EXPECT_TRUE(cloud_.erase_data(id));
  EXPECT_EQ(status(get("images/" + id + "/file")), 204);
  EXPECT_EQ(cloud_.image(id)->status, "active");
}

TEST_F(DevCloudTest, UploadRevertsWhatWasPatchedMeanwhile) {
  const std::string id = cloud_.add_image(image_named("before"));
  Fault stall;
  stall.kind = Fault::Kind::kRequestStall;
  stall.method = "PUT";
  stall.after = 2;
  const int fault = cloud_.add_fault(stall);
  std::thread uploader([&] { EXPECT_EQ(status(put(id, "bytes")), 204); });
  EXPECT_TRUE(cloud_.wait_until([&] { return cloud_.image(id)->status == "saving"; }));
  const auto renamed = patch(id, R"([{"op":"add","path":"/name","value":"after"}])");
  EXPECT_EQ(status(renamed), 200);
  EXPECT_EQ(cloud_.image(id)->name, "after");
  cloud_.release_fault(fault);
  uploader.join();
  EXPECT_EQ(cloud_.image(id)->name, "before");
  EXPECT_EQ(cloud_.image(id)->status, "active");
}

TEST_F(DevCloudTest, AbortedUploadIsQueuedAgain) {
  const std::string id = cloud_.add_image(image_named("a"));
  Fault reset;
  reset.kind = Fault::Kind::kRequestReset;
  reset.after = 3;
  reset.times = 1;
  cloud_.add_fault(reset);
  EXPECT_EQ(status(put(id, "bytes")), 0);
  EXPECT_TRUE(cloud_.wait_until([&] { return cloud_.image(id)->status == "queued"; }));
  EXPECT_EQ(status(put(id, "bytes")), 204);
}

TEST_F(DevCloudTest, IdsAreNeverFreeAgain) {
  const std::string id = cloud_.add_image(image_named("a"));
  EXPECT_EQ(status(client().Delete("/v2/images/" + id, as(token_))), 204);
  EXPECT_EQ(status(create("{\"id\":\"" + id + "\"}")), 409);
}

TEST_F(DevCloudTest, SwallowsPropertiesNamedAfterItsOwnMethods) {
  const std::string id = cloud_.add_image(image_named("a"));
  const auto answer = patch(id, R"([{"op":"add","path":"/repo","value":"x"}])");
  EXPECT_EQ(status(answer), 200);
  EXPECT_FALSE(cloud_.image(id)->properties.contains("repo"));
}

TEST_F(DevCloudTest, PagesThroughManyImages) {
  for (int i = 0; i < 5; ++i) cloud_.add_image(image_named("a"));
  const auto page = get("images?limit=2&tag=&limit=3");
  EXPECT_EQ(status(page), 200);
  const auto first = get("images?limit=2&sort=id:asc");
  ASSERT_EQ(status(first), 200);
  EXPECT_THAT(first->body, HasSubstr("\"next\": \"/v2/images?limit=2&sort=id%3Aasc&marker="));
}

TEST_F(DevCloudTest, LoginNeedsTheRightPassword) {
  httplib::Client keystone(cloud_.auth_url().substr(0, cloud_.auth_url().size() - 3));
  const auto log_in = [&](const std::string& password) {
    return keystone.Post("/v3/auth/tokens",
                         R"({"auth":{"identity":{"methods":["password"],"password":{"user":)"
                         R"({"name":"demo","domain":{"id":"default"},"password":")" +
                             password +
                             R"("}}},"scope":{"project":{"name":"demo","domain":)"
                             R"({"name":"Default"}}}}})",
                         "application/json");
  };
  const auto good = log_in(kPassword);
  ASSERT_EQ(status(good), 201);
  EXPECT_TRUE(good->has_header("X-Subject-Token"));
  EXPECT_THAT(good->body, HasSubstr(cloud_.glance_url()));
  EXPECT_EQ(status(log_in("wrong")), 401);
}

TEST_F(DevCloudTest, TokensEndInEveryWay) {
  EXPECT_EQ(status(get("images")), 200);
  cloud_.keystone_down(true);
  EXPECT_EQ(status(get("images")), 200) << "Glance has seen this one";
  token_ = cloud_.issue_token("demo", 1h);
  EXPECT_EQ(status(get("images")), 401) << "Glance cannot ask Keystone about this one";
  cloud_.keystone_down(false);
  EXPECT_EQ(status(get("images")), 200);
  cloud_.expire_tokens();
  EXPECT_EQ(status(get("images")), 401);
}

TEST_F(DevCloudTest, GoesDownAndUpOnItsPort) {
  cloud_.glance_down(true);
  EXPECT_EQ(status(get("images")), 0);
  cloud_.glance_down(false);
  EXPECT_EQ(status(get("images")), 200);
}

class FaultTest : public DevCloudTest {
 protected:
  httplib::Result hit(Fault fault) {
    fault.times = 1;
    fault.method = "GET";
    fault.path = "/file";
    cloud_.add_fault(std::move(fault));
    return get("images/" + id_ + "/file", {{"Range", "bytes=10-19"}});
  }
  static Fault kind(Fault::Kind kind, std::uint64_t after = 0) {
    Fault fault;
    fault.kind = kind;
    fault.after = after;
    return fault;
  }
  const std::string bytes_ = pattern(1, 0, 5000);
  const std::string id_ = cloud_.add_image(image_named("a"), Blob(bytes_));
};

TEST_F(FaultTest, AnswersInTheServicesPlace) {
  const auto busy = hit(answer_fault(503, "later", {{"Retry-After", "1"}}));
  ASSERT_EQ(status(busy), 503);
  EXPECT_EQ(busy->get_header_value("Retry-After"), "1");
  EXPECT_EQ(status(get("images/" + id_ + "/file")), 200) << "once only";
}

TEST_F(FaultTest, EndsBodiesEarly) {
  EXPECT_EQ(status(hit(kind(Fault::Kind::kReset, 4))), 0);
  EXPECT_EQ(status(hit(kind(Fault::Kind::kTruncate, 4))), 0);
  EXPECT_EQ(cloud_.log().back().sent, 4U);
}

TEST_F(FaultTest, CorruptsOneByte) {
  std::string expected = bytes_.substr(10, 10);
  expected[3] = static_cast<char>(~static_cast<unsigned char>(expected[3]));
  EXPECT_EQ(hit(kind(Fault::Kind::kCorrupt, 3))->body, expected);
}

TEST_F(FaultTest, AnswersRangesWrongly) {
  const auto whole = hit(kind(Fault::Kind::kIgnoreRange));
  EXPECT_EQ(status(whole), 200);
  EXPECT_EQ(whole->body, bytes_);
  const auto whole206 = hit(kind(Fault::Kind::kWholeAs206));
  EXPECT_EQ(status(whole206), 206);
  EXPECT_EQ(whole206->body, bytes_);
  EXPECT_EQ(hit(kind(Fault::Kind::kWrongContentRange))->get_header_value("Content-Range"),
            "bytes 11-20/5000");
}

TEST_F(FaultTest, StallsUntilReleased) {
  Fault stall = kind(Fault::Kind::kStall, 5);
  const int id = cloud_.add_fault(stall);
  std::thread reader([&] { EXPECT_EQ(get("images/" + id_ + "/file")->body, bytes_); });
  EXPECT_TRUE(cloud_.wait_until([&] {
    const auto log = cloud_.log();
    return !log.empty() && log.back().sent == 5;
  }));
  EXPECT_EQ(cloud_.fault_hits(id), 1);
  cloud_.release_fault(id);
  reader.join();
}

TEST_F(FaultTest, LosesTheAnswerOfWhatWasDone) {
  Fault lose = kind(Fault::Kind::kLoseAnswer);
  lose.method = "POST";
  lose.times = 1;
  cloud_.add_fault(lose);
  EXPECT_EQ(status(create(R"({"name":"made"})")), 0);
  EXPECT_EQ(cloud_.image_ids().size(), 2U);
}

TEST_F(FaultTest, CountsRequestsByPattern) {
  get("images/" + id_);
  get("images/" + id_);
  EXPECT_EQ(cloud_.requests("GET", "/v2/images/{id}"), 2U);
  EXPECT_EQ(cloud_.requests("PUT"), 0U);
}

class InspectingTest : public DevCloudTest {
 protected:
  InspectingTest() : DevCloudTest(config()) {}
  static Config config() {
    Config config;
    config.inspects = true;
    return config;
  }
  std::string queued(const std::string& disk_format, const std::string& container = "bare") {
    Image image = image_named("a");
    image.disk_format = disk_format;
    image.container_format = container;
    return cloud_.add_image(image);
  }
  int upload(const std::string& disk_format, const std::string& data) {
    return status(put(queued(disk_format), data));
  }
};

TEST_F(InspectingTest, RefusesAtTheEndAndPoisons) {
  const std::string id = queued("qcow2");
  const auto answer = put(id, "anything");
  ASSERT_EQ(status(answer), 415);
  EXPECT_THAT(answer->body, HasSubstr("disk_format qcow2 does not match stream data raw"));
  EXPECT_EQ(cloud_.image(id)->status, "queued");
  EXPECT_TRUE(cloud_.image(id)->checksum);
  EXPECT_EQ(status(put(id, "again")), 500);
  EXPECT_EQ(status(put(queued("qcow2", "ovf"), "anything")), 204);
}

TEST_F(InspectingTest, RefusesWhatIsNotSafe) {
  const std::string qcow2 = "QFI\xFB" + std::string("\0\0\0\3", 4) + std::string(1000, '\0');
  EXPECT_EQ(upload("qcow2", qcow2), 204);
  EXPECT_EQ(upload("raw", qcow2), 204);
  EXPECT_EQ(upload("aki", qcow2), 415);
  EXPECT_EQ(upload("raw", std::string(qcow2).replace(15, 1, "\1")), 415);
  EXPECT_EQ(upload("qcow2", std::string(qcow2).replace(79, 1, "\4")), 415);
  EXPECT_EQ(upload("raw", std::string(510, '\0') + "\x55\xAA"), 415);
  EXPECT_EQ(upload("raw", "anything"), 204);
}

TEST_F(InspectingTest, SaysSoByItsVersion) {
  EXPECT_THAT(client().Get("/versions")->body, HasSubstr(R"("id": "v2.17")"));
}

class NoRangeTest : public DevCloudTest {
 protected:
  NoRangeTest() : DevCloudTest(config()) {}
  static Config config() {
    Config config;
    config.stores.front().ranges = RangeSupport::kRefused;
    config.stores.front().capacity = 100;
    return config;
  }
};

TEST_F(NoRangeTest, StoreRefusesRangesAndOverfilling) {
  const std::string id = cloud_.add_image(image_named("a"), Blob("0123456789"));
  EXPECT_EQ(status(range(id, "bytes=0-1")), 400);
  EXPECT_EQ(get("images/" + id + "/file")->body, "0123456789");
  const std::string big = cloud_.add_image(image_named("b"));
  const auto full = put(big, std::string(95, 'x'));
  ASSERT_EQ(status(full), 413);
  EXPECT_THAT(full->body, HasSubstr("storage media is full"));
  EXPECT_EQ(cloud_.image(big)->status, "queued");
}

}  // namespace
}  // namespace glancefs::devcloud
