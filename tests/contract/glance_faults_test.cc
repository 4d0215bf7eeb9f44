// The client against a cloud that fails in the ways networks and clouds fail.
#include <cerrno>
#include <functional>
#include <set>

#include "tests/support/cloud_client.h"
#include "tests/support/fake_images.h"

namespace glancefs::client {
namespace {

using devcloud::Blob;
using devcloud::Fault;
using testing::HasSubstr;

class GlanceFaults : public testing::Test {
 protected:
  GlanceFaults() { data_.resize(2'000'000); }

  void SetUp() override {
    for (std::size_t i = 0; i < data_.size(); ++i) data_[i] = static_cast<char>(i * 7 + i / 251);
    id_ = cloud_.add_image(devcloud::image_named("a"), Blob(data_));
    client_.session.log_in({});
    image_ = *client_.glance.show(id_, {});
  }

  void fault(Fault::Kind kind, std::uint64_t after, int times) {
    Fault made;
    made.kind = kind;
    made.path = "/file";
    made.after = after;
    made.times = times;
    cloud_.add_fault(made);
  }
  bool downloads(ByteRange range) {
    test::StringSink sink;
    return client_.glance.download(image_, range, sink, {}) == Delivery::kComplete &&
           sink.text() == data_.substr(range.offset, range.length);
  }
  bool streams() {
    test::StringSink sink;
    client_.glance.stream(image_, sink, {});
    return sink.text() == data_;
  }
  std::vector<std::string> listed() {
    std::vector<std::string> ids;
    client_.glance.list({}, [&](Image&& image) { ids.push_back(image.id); }, {});
    return ids;
  }
  static int error_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const std::system_error& error) {
      return error.code().value();
    }
    return 0;
  }

  std::string data_;
  devcloud::DevCloud cloud_;
  test::CloudClient client_{cloud_};
  std::string id_;
  Image image_;
};

TEST_F(GlanceFaults, BrokenDownloadsAreTakenUpAgain) {
  for (const Fault::Kind kind : {Fault::Kind::kReset, Fault::Kind::kTruncate}) {
    fault(kind, 300'000, 3);
    EXPECT_TRUE(downloads({100, 1'500'000}));
    cloud_.clear_faults();
    fault(kind, 700'000, 2);
    EXPECT_FALSE(error_of([&] { EXPECT_TRUE(streams()); })) << "begun again, and skipped";
    cloud_.clear_faults();
  }
}

TEST_F(GlanceFaults, ABlobThatIsTooShortEndsInAnError) {
  cloud_.truncate_data(id_, 1'000'000);
  fault(Fault::Kind::kTruncate, 1'000'000, -1);
  EXPECT_EQ(error_of([&] { streams(); }), EIO);
}

TEST_F(GlanceFaults, StoresThatMisunderstandRanges) {
  for (const Fault::Kind kind : {Fault::Kind::kIgnoreRange, Fault::Kind::kWholeAs206}) {
    fault(kind, 0, -1);
    test::StringSink sink;
    EXPECT_EQ(client_.glance.download(image_, {1000, 1000}, sink, {}), Delivery::kRangesRefused);
    EXPECT_EQ(sink.text(), "");
    cloud_.clear_faults();
  }
  fault(Fault::Kind::kWrongContentRange, 0, 1);
  EXPECT_TRUE(downloads({1000, 1000})) << "once is forgiven";
  cloud_.clear_faults();
  fault(Fault::Kind::kWrongContentRange, 0, -1);
  EXPECT_EQ(error_of([&] { downloads({1000, 1000}); }), EIO);
}

TEST_F(GlanceFaults, TokensEndAtAnyTime) {
  cloud_.expire_tokens();
  EXPECT_TRUE(downloads({0, 1000}));
  EXPECT_EQ(cloud_.requests("POST", "/v3/auth/tokens"), 2U);
}

TEST_F(GlanceFaults, AnUploadAfterTheTokenEnded) {
  Draft draft;
  draft.id = new_uuid();
  draft.name = "new";
  draft.disk_format = "raw";
  draft.container_format = "bare";
  client_.glance.create(draft, {});
  cloud_.expire_tokens();
  test::StringSource source(data_);
  client_.glance.upload(draft.id, source, {}, {});
  EXPECT_EQ(client_.glance.show(draft.id, {})->size, data_.size());
}

TEST_F(GlanceFaults, KeystoneIsDown) {
  cloud_.keystone_down(true);
  EXPECT_TRUE(downloads({0, 1000})) << "the token is still good";
  cloud_.expire_tokens();
  EXPECT_EQ(error_of([&] { client_.glance.show(id_, {}); }), EHOSTUNREACH);
}

TEST_F(GlanceFaults, GlanceIsDownForAMoment) {
  Fault unavailable = devcloud::answer_fault(503, "<html>busy</html>",
                                             {{"Content-Type", "text/html"}, {"Retry-After", "0"}});
  unavailable.service = devcloud::Service::kGlance;
  unavailable.times = 3;
  cloud_.add_fault(unavailable);
  EXPECT_EQ(listed().size(), 1U);
  cloud_.glance_down(true);
  EXPECT_EQ(error_of([&] { listed(); }), EHOSTUNREACH);
  cloud_.glance_down(false);
  EXPECT_EQ(listed().size(), 1U);
}

TEST_F(GlanceFaults, LostAnswersOfChanges) {
  Fault lose;
  lose.kind = Fault::Kind::kLoseAnswer;
  lose.times = 1;
  lose.method = "POST";
  lose.path = "/v2/images$";
  cloud_.add_fault(lose);
  Draft draft;
  draft.id = new_uuid();
  draft.name = "new";
  EXPECT_EQ(client_.glance.create(draft, {}).id, draft.id);
  EXPECT_EQ(cloud_.image_ids().size(), 2U) << "no second one was made";

  lose.method = "DELETE";
  lose.path = "/v2/images/";
  cloud_.add_fault(lose);
  EXPECT_NO_THROW(client_.glance.remove(draft.id, {}));
  EXPECT_EQ(cloud_.image_ids().size(), 1U);
}

TEST_F(GlanceFaults, ATokenStaysWithItsCloud) {
  devcloud::DevCloud evil;
  cloud_.add_fault(devcloud::redirect_fault(evil.glance_url() + "/v2/images"));
  EXPECT_EQ(error_of([&] { listed(); }), EIO);
  EXPECT_EQ(evil.connections(), 0);
}

TEST_F(GlanceFaults, ALongListingWhilePagesChange) {
  devcloud::Config small;
  small.page_max = 10;
  devcloud::DevCloud cloud(small);
  for (int i = 0; i < 35; ++i) cloud.add_image(devcloud::image_named("i"), Blob("x"));
  test::CloudClient client(cloud);
  std::set<std::string> seen;
  client.glance.list({},
                     [&](Image&& image) {
                       seen.insert(image.id);
                       // Each page's end disappears before the next page is asked for.
                       if (seen.size() % 10 == 0) cloud.delete_image(image.id);
                     },
                     {});
  EXPECT_EQ(seen.size(), 35U);
}

TEST_F(GlanceFaults, AStalledDownloadStops) {
  fault(Fault::Kind::kStall, 1000, -1);
  std::stop_source stop;
  struct StoppingSink : Sink {
    explicit StoppingSink(std::stop_source& source) : stop(source) {}
    void write(std::span<const std::byte>) override { stop.request_stop(); }
    std::stop_source& stop;
  } sink(stop);
  EXPECT_EQ(error_of([&] {
              client_.glance.download(image_, {0, 5000}, sink, stop.get_token());
            }),
            ECANCELED);
}

TEST(LoginToDevCloud, EveryWay) {
  devcloud::DevCloud cloud;
  const auto logs_in = [&cloud](const Cloud& how) {
    const Clock clock;
    CurlTransport transport(test::CloudClient::config());
    Session session(how, transport, clock);
    session.log_in({});
    EXPECT_EQ(session.endpoint(), cloud.glance_url());
    EXPECT_EQ(session.identity().project_id, cloud.demo().project_id);
    session.log_out();
  };
  Cloud by_name = test::cloud_of(cloud, cloud.demo());
  by_name.user = {
      .id = {}, .name = cloud.demo().user_name, .domain_id = "default", .domain_name = {}};
  by_name.project = {
      .id = {}, .name = cloud.demo().project_name, .domain_id = {}, .domain_name = "Default"};
  logs_in(by_name);

  Cloud credential = by_name;
  credential.auth_type = AuthType::kApplicationCredential;
  credential.application_credential_id = cloud.app_credential().id;
  credential.application_credential_secret = cloud.app_credential().secret;
  logs_in(credential);

  Cloud token = by_name;
  token.auth_type = AuthType::kToken;
  token.token = cloud.issue_token("demo", std::chrono::seconds(600));
  logs_in(token);

  Cloud trust = test::cloud_of(cloud, cloud.other());
  trust.trust_id = cloud.trust().id;
  trust.project = {};
  logs_in(trust);
}

TEST(LoginToDevCloud, WrongPasswordIsTriedOnce) {
  devcloud::DevCloud cloud;
  Cloud wrong = test::cloud_of(cloud, cloud.demo());
  wrong.password = "nonsense";
  const Clock clock;
  CurlTransport transport(test::CloudClient::config());
  Session session(wrong, transport, clock);
  EXPECT_THROW(session.log_in({}), LoginError);
  for (int i = 0; i < 5; ++i) {
    EXPECT_THROW(session.call({}, Operation::kList, true, nullptr, nullptr, {}), std::system_error);
  }
  EXPECT_LE(cloud.requests("POST", "/v3/auth/tokens"), 2U);
}

}  // namespace
}  // namespace glancefs::client
