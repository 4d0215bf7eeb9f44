#include "client/glance.h"

#include <fmt/format.h>

#include <cerrno>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_images.h"
#include "tests/support/fake_transport.h"

namespace glancefs::client {
namespace {

using std::chrono::milliseconds;
using test::Answer;
using test::answer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kId = "11111111-2222-4333-8444-555555555555";

std::string id_number(int n) { return fmt::format("{:08d}-2222-4333-8444-555555555555", n); }

std::string record(const std::string& id, const std::string& more = "") {
  return fmt::format(
      R"({{"id": "{}", "name": "n", "status": "queued", "visibility": "private"{}}})", id, more);
}

std::string page(const std::vector<int>& numbers, bool more) {
  std::string body;
  for (const int n : numbers) body += (body.empty() ? "" : ",") + record(id_number(n));
  return "{\"images\": [" + body + "]" + (more ? R"(, "next": "http://evil/x")" : "") + "}";
}

class GlanceTest : public testing::Test {
 protected:
  static Cloud cloud() {
    Cloud open;
    open.auth_type = AuthType::kNone;
    open.endpoint_override = "http://g";
    return open;
  }

  // The numbers of the images listed, in order.
  std::vector<int> listed(const ListQuery& query = {}) {
    std::vector<int> numbers;
    glance_.list(query, [&](Image&& image) { numbers.push_back(std::stoi(image.id)); }, {});
    return numbers;
  }

  int failure_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const std::system_error& error) {
      what_ = error.what();
      return error.code().value();
    }
    return 0;
  }

  std::string url(std::size_t request) const { return transport_.requests().at(request).url; }

  std::function<Answer(const Request&)> handler_;
  std::string what_;
  test::FakeClock clock_;
  test::FakeTransport transport_{[this](const Request& request) { return handler_(request); }};
  Session session_{
      cloud(), transport_, clock_,
      RetryPolicy{.attempts = 3, .first_pause = milliseconds(1), .longest_pause = milliseconds(1)}};
  Glance glance_{session_};
};

TEST_F(GlanceTest, PagesAreBuiltFromTheLastId) {
  handler_ = [](const Request& request) {
    if (request.url.find("marker=" + id_number(3)) != std::string::npos) {
      return answer(200, page({4}, false));
    }
    if (request.url.find("marker") != std::string::npos) return answer(200, page({3}, true));
    return answer(200, page({1, 2}, true));
  };
  EXPECT_THAT(listed(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(url(0),
            "http://g/v2/images?limit=1000&visibility=all&os_hidden=false"
            "&sort=created_at:desc,id:desc");
  EXPECT_EQ(url(1), url(0) + "&marker=" + id_number(2)) << "never the server's next";
}

TEST_F(GlanceTest, QueriesAreEncoded) {
  handler_ = [](const Request&) { return answer(200, page({}, false)); };
  ListQuery query;
  query.hidden = true;
  query.name = "ubuntu:22.04 & more";
  query.updated_since = std::chrono::sys_days(std::chrono::year(2026) / 2 / 3);
  listed(query);
  EXPECT_EQ(url(0),
            "http://g/v2/images?limit=1000&visibility=all&os_hidden=true"
            "&sort=updated_at:asc,id:asc&updated_at=gte%3A2026-02-03T00%3A00%3A00Z"
            "&name=eq%3Aubuntu%3A22.04%20%26%20more");
}

TEST_F(GlanceTest, OtherNamesThanAskedForAreLeftOut) {
  handler_ = [](const Request&) { return answer(200, page({1}, false)); };
  ListQuery query;
  query.name = "N";
  EXPECT_THAT(listed(query), IsEmpty()) << "MySQL compares without case";
}

TEST_F(GlanceTest, AVanishedMarkerIsReplacedByTheOneBefore) {
  for (const int status : {400, 403}) {
    handler_ = [status](const Request& request) {
      if (request.url.find("marker=" + id_number(2)) != std::string::npos) return answer(status);
      if (request.url.find("marker=" + id_number(1)) != std::string::npos) {
        return answer(200, page({3}, false));
      }
      return answer(200, page({1, 2}, true));
    };
    EXPECT_THAT(listed(), ElementsAre(1, 2, 3));
  }
  handler_ = [](const Request&) { return answer(400, R"({"message": "bad"})"); };
  EXPECT_EQ(failure_of([&] { listed(); }), EINVAL);
}

TEST_F(GlanceTest, EndlessListingsEnd) {
  handler_ = [](const Request&) { return answer(200, page({1, 2}, true)); };
  EXPECT_EQ(failure_of([&] { listed(); }), EIO);
  EXPECT_EQ(transport_.requests().size(), 2U);
}

TEST_F(GlanceTest, APortalIsNotAnEmptyCatalogue) {
  handler_ = [](const Request&) { return answer(200, "<html>Please log in</html>"); };
  EXPECT_EQ(failure_of([&] { listed(); }), EIO);
  EXPECT_EQ(failure_of([&] { glance_.show(kId, {}); }), EIO);
  EXPECT_EQ(failure_of([&] { glance_.quota({}); }), EIO);
}

TEST_F(GlanceTest, ShowAsksForIdsOnly) {
  EXPECT_FALSE(glance_.show("../../etc", {}));
  EXPECT_THAT(transport_.requests(), IsEmpty());
  handler_ = [](const Request&) { return answer(200, record(id_number(7))); };
  EXPECT_EQ(failure_of([&] { glance_.show(kId, {}); }), EIO) << "another image's record";
  handler_ = [](const Request&) { return answer(404); };
  EXPECT_FALSE(glance_.show(kId, {}));
}

// Downloads.

Image active(std::uint64_t size) {
  Image image;
  image.id = kId;
  image.status = Status::kActive;
  image.size = size;
  return image;
}

Answer part(const std::string& bytes, const std::string& content_range, bool length = true) {
  std::vector<std::pair<std::string, std::string>> headers{{"Content-Range", content_range}};
  if (length) headers.emplace_back("Content-Length", std::to_string(bytes.size()));
  return answer(206, bytes, headers);
}

class DownloadTest : public GlanceTest {
 protected:
  Delivery download(ByteRange range) { return glance_.download(active(10), range, sink_, {}); }
  test::StringSink sink_;
};

TEST_F(DownloadTest, AsksForThePart) {
  handler_ = [](const Request&) { return part("2345", "bytes 2-5/10"); };
  EXPECT_EQ(download({2, 4}), Delivery::kComplete);
  EXPECT_EQ(sink_.text(), "2345");
  EXPECT_EQ(*transport_.requests()[0].headers.find("Range"), "bytes=2-5");
}

TEST_F(DownloadTest, GoesOnWhereItBroke) {
  handler_ = [](const Request& request) {
    const std::string& range = *request.headers.find("Range");
    if (range == "bytes=2-8") {
      Answer broken = part("2345678", "bytes 2-8/10");
      broken.cut = 3;
      return broken;
    }
    // No length, and closed too early: nothing but the count tells.
    if (range == "bytes=5-8") return part("56", "bytes 5-8/10", false);
    EXPECT_EQ(range, "bytes=7-8");
    return part("78", "bytes 7-8/10");
  };
  EXPECT_EQ(download({2, 7}), Delivery::kComplete);
  EXPECT_EQ(sink_.text(), "2345678");
}

TEST_F(DownloadTest, GivesUpWithoutProgress) {
  handler_ = [](const Request&) { return part("", "bytes 2-5/10", false); };
  EXPECT_EQ(failure_of([&] { download({2, 4}); }), EIO);
  EXPECT_EQ(transport_.requests().size(), 3U);
}

TEST_F(DownloadTest, WrongPartsNeverPass) {
  for (const char* range : {"bytes 3-6/10", "bytes 2-6/10", "bytes 2-5/*", "2-5/10", "bytes 2-5",
                            "bytes 2-5/10x", "bytes -1-5/10"}) {
    handler_ = [range](const Request&) { return part("2345", range, false); };
    EXPECT_EQ(failure_of([&] { download({2, 4}); }), EIO) << range;
    EXPECT_THAT(sink_.text(), IsEmpty()) << range;
  }
  EXPECT_EQ(transport_.requests().size(), 14U) << "each is tried once more";
}

TEST_F(DownloadTest, AWrongPartOnceIsForgiven) {
  handler_ = [this](const Request&) {
    return transport_.requests().size() == 1 ? part("3456", "bytes 3-6/10")
                                             : part("2345", "bytes 2-5/10");
  };
  EXPECT_EQ(download({2, 4}), Delivery::kComplete);
  EXPECT_EQ(sink_.text(), "2345");
}

TEST_F(DownloadTest, AnotherSizeIsAnotherImage) {
  handler_ = [](const Request&) { return part("2345", "bytes 2-5/11"); };
  EXPECT_EQ(failure_of([&] { download({2, 4}); }), ESTALE);
}

TEST_F(DownloadTest, MoreThanPromisedNeverPasses) {
  handler_ = [](const Request&) { return part("23456789", "bytes 2-5/10", false); };
  EXPECT_EQ(failure_of([&] { download({2, 4}); }), EIO);
  EXPECT_LE(sink_.text().size(), 4U);
}

TEST_F(DownloadTest, StoresWithoutRanges) {
  handler_ = [](const Request&) { return answer(400, R"({"message": "random get"})"); };
  EXPECT_EQ(download({2, 4}), Delivery::kRangesRefused);
  handler_ = [](const Request&) { return answer(200, "0123456789"); };
  EXPECT_EQ(download({2, 4}), Delivery::kRangesRefused);
  handler_ = [](const Request&) { return part("0123456789", "bytes 2-5/10"); };
  EXPECT_EQ(download({2, 4}), Delivery::kRangesRefused);
  EXPECT_THAT(sink_.text(), IsEmpty());
  handler_ = [](const Request&) { return answer(200, "0123456789"); };
  EXPECT_EQ(download({0, 10}), Delivery::kComplete) << "the whole was asked for";
  EXPECT_EQ(sink_.text(), "0123456789");
}

TEST_F(DownloadTest, ErrorsOfTheImage) {
  const std::vector<std::pair<int, int>> cases{
      {204, EIO}, {403, EACCES}, {404, ESTALE}, {416, EIO}, {503, EIO}};
  for (const auto& [status, error] : cases) {
    handler_ = [status = status](const Request&) { return answer(status, ""); };
    EXPECT_EQ(failure_of([&] { download({2, 4}); }), error) << status;
  }
  EXPECT_EQ(failure_of([&] { download({8, 3}); }), EINVAL);
  EXPECT_EQ(failure_of([&] { download({8, 0}); }), EINVAL);
  EXPECT_EQ(failure_of([&] { download({~std::uint64_t{0}, 2}); }), EINVAL);
}

TEST_F(DownloadTest, TheSinksOwnErrorsPassUnchanged) {
  struct FullSink : Sink {
    void write(std::span<const std::byte>) override {
      throw std::system_error(ENOSPC, std::generic_category());
    }
  } full;
  handler_ = [](const Request&) { return part("2345", "bytes 2-5/10"); };
  EXPECT_EQ(failure_of([&] { glance_.download(active(10), {2, 4}, full, {}); }), ENOSPC);
  EXPECT_EQ(transport_.requests().size(), 1U);
}

TEST_F(DownloadTest, AStreamStartsAnewAndSkips) {
  handler_ = [this](const Request& request) {
    EXPECT_EQ(request.headers.find("Range"), nullptr);
    Answer whole = answer(200, "0123456789");
    if (transport_.requests().size() < 4) whole.cut = 3 * transport_.requests().size();
    return whole;
  };
  glance_.stream(active(10), sink_, {});
  EXPECT_EQ(sink_.text(), "0123456789");
  EXPECT_EQ(transport_.requests().size(), 4U);
}

TEST_F(DownloadTest, AStreamOfAnotherLengthFails) {
  handler_ = [](const Request&) { return answer(200, "01234567890"); };
  EXPECT_EQ(failure_of([&] { glance_.stream(active(10), sink_, {}); }), EIO);
  handler_ = [](const Request&) { return answer(200, "0123456789", {{"Content-Length", "11"}}); };
  EXPECT_EQ(failure_of([&] { glance_.stream(active(10), sink_, {}); }), EIO);
  handler_ = [](const Request&) { return answer(204, ""); };
  EXPECT_EQ(failure_of([&] { glance_.stream(active(10), sink_, {}); }), EIO);
}

// Changes.

TEST_F(GlanceTest, ACreateWhoseAnswerWasLostIsRecognised) {
  Draft draft;
  draft.id = kId;
  draft.name = "n";
  handler_ = [this](const Request& request) {
    if (request.method == "GET") return answer(200, record(kId));
    if (transport_.requests().size() > 1) return answer(409);
    throw HttpError(Operation::kCreate, Failure::kProtocol, "POST", "reset");
  };
  EXPECT_EQ(glance_.create(draft, {}).id, kId);
  draft.name = "another";
  EXPECT_EQ(failure_of([&] { glance_.create(draft, {}); }), EEXIST);
}

TEST_F(GlanceTest, NamesThatGlanceDropsAreRefusedBeforehand) {
  for (const char* name :
       {"context", "delete", "get_data", "set_data", "member", "repo", "base", "reactivate",
        "deactivate", "stores", "image_id", "extra_properties", "__class__"}) {
    EXPECT_EQ(failure_of([&] {
                glance_.update(kId, {{name, Value(std::string("v"))}}, {});
              }),
              EINVAL)
        << name;
  }
  EXPECT_THAT(transport_.requests(), IsEmpty());
}

TEST_F(GlanceTest, AValueThatWasNotStoredIsAnError) {
  handler_ = [](const Request&) { return answer(200, record(kId)); };
  EXPECT_EQ(failure_of([&] { glance_.update(kId, {{"a", Value(std::string("v"))}}, {}); }), EINVAL);
  EXPECT_THAT(what_, HasSubstr("did not store"));
  handler_ = [](const Request&) { return answer(200, record(kId, R"(, "a": "v")")); };
  EXPECT_EQ(glance_.update(kId, {{"a", Value(std::string("v"))}}, {}).id, kId);
  EXPECT_EQ(*transport_.requests().back().headers.find("Content-Type"),
            "application/openstack-images-v2.1-json-patch");
}

TEST_F(GlanceTest, RemovingAPropertyIsNotRepeated) {
  handler_ = [](const Request&) { return answer(503); };
  EXPECT_EQ(failure_of([&] { glance_.update(kId, {{"a", std::nullopt}}, {}); }), EIO);
  EXPECT_EQ(transport_.requests().size(), 1U);
}

TEST_F(GlanceTest, ARepeatedDeleteMayFindNothing) {
  handler_ = [this](const Request&) -> Answer {
    if (transport_.requests().size() > 1) return answer(404);
    throw HttpError(Operation::kRemove, Failure::kProtocol, "DELETE", "reset");
  };
  EXPECT_NO_THROW(glance_.remove(kId, {}));
  EXPECT_EQ(failure_of([&] { glance_.remove(kId, {}); }), ENOENT);
}

TEST_F(GlanceTest, AnUploadIsSentOnce) {
  test::StringSource data("the bytes");
  handler_ = [](const Request&) { return answer(503); };
  EXPECT_EQ(failure_of([&] { glance_.upload(kId, data, {}, {}); }), EIO);
  EXPECT_EQ(transport_.requests().size(), 1U);
  EXPECT_EQ(*transport_.requests()[0].headers.find("Content-Type"), "application/octet-stream");
}

TEST_F(GlanceTest, OneStoreIsNamedInTheUpload) {
  test::StringSource data("the bytes");
  handler_ = [](const Request&) { return answer(204); };
  glance_.upload(kId, data, {}, {});
  glance_.upload(kId, data, "slow", {});
  EXPECT_EQ(transport_.requests()[0].headers.find("x-image-meta-store"), nullptr);
  EXPECT_EQ(*transport_.requests()[1].headers.find("x-image-meta-store"), "slow");
}

TEST_F(GlanceTest, AnImportIsOrderedOnce) {
  handler_ = [](const Request&) { return answer(503); };
  EXPECT_EQ(failure_of([&] { glance_.import_staged(kId, {"a", "b"}, {}); }), EIO);
  ASSERT_EQ(transport_.requests().size(), 1U);
  EXPECT_EQ(transport_.requests()[0].body,
            R"({"method":{"name":"glance-direct"},"stores":["a","b"]})");
}

TEST_F(GlanceTest, StagingThatTheSiteLacksIsNotSupported) {
  test::StringSource data("the bytes");
  handler_ = [](const Request&) {
    return answer(404, R"({"message": "'glance-direct' method is not available at this site."})");
  };
  EXPECT_EQ(failure_of([&] { glance_.stage(kId, data, {}); }), EOPNOTSUPP);
}

TEST_F(GlanceTest, StoresAreThoseForImages) {
  handler_ = [](const Request&) {
    return answer(200, R"({"stores": [{"id": "fast", "default": "true"}, {"id": "web",
                           "read-only": "true"}, {"id": "os_glance_staging_store"}, {}, "x"]})");
  };
  EXPECT_EQ(glance_.stores({}), std::vector<std::string>{"fast"});
  handler_ = [](const Request&) { return answer(404); };
  EXPECT_EQ(glance_.stores({}), std::vector<std::string>());
  handler_ = [](const Request&) { return answer(403); };
  EXPECT_EQ(glance_.stores({}), std::nullopt);
  handler_ = [](const Request&) { return answer(200, "[]"); };
  EXPECT_EQ(failure_of([&] { glance_.stores({}); }), EIO);
}

TEST_F(GlanceTest, TasksAreInTheOrderOfTheirBirth) {
  handler_ = [](const Request&) {
    return answer(200,
                  R"({"tasks": [{"id": "b", "status": "processing", "message": " Copied\n\n3 MiB\n",
                                      "created_at": "2026-01-02T00:00:00Z"},
                                     {"id": "a", "status": "failure", "message": null,
                                      "created_at": "2026-01-01T00:00:00Z"}]})");
  };
  const std::vector<Task> tasks = glance_.tasks(kId, {});
  ASSERT_EQ(tasks.size(), 2U);
  EXPECT_EQ(tasks[0], (Task{.id = "a", .status = "failure", .message = ""}));
  EXPECT_EQ(tasks[1].message, "Copied 3 MiB");
}

TEST_F(GlanceTest, NoQuotaOnThisSite) {
  handler_ = [](const Request&) { return answer(404); };
  EXPECT_FALSE(glance_.quota({}).size_limit);
}

}  // namespace
}  // namespace glancefs::client
