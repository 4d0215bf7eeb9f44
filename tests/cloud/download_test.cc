// GET /v2/images/{id}/file: whole, in ranges, and where there is nothing to read.
#include <filesystem>

#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

constexpr std::size_t kSize = 1000;

class Download : public CloudTest {
 protected:
  static Reply range(const std::string& id, const std::string& value) {
    return download(cloud().demo, id, {{"Range", value}});
  }
  /// Ranges of an image without data: 500, or no answer at all.
  static void expect_breakdown(const Reply& reply) {
    EXPECT_THAT(reply, Answers(is(Flavour::kUwsgi) ? 0 : 500));
  }
  const std::string bytes_ = some_bytes(kSize);
};

TEST_F(Download, WholeImageComesWithLengthAndHexMd5) {
  const auto id = create_active(cloud().demo, bytes_);
  const auto reply = download(cloud().demo, id);
  ASSERT_THAT(reply, Answers(200));
  EXPECT_EQ(reply.body, bytes_);
  EXPECT_EQ(reply.header("Content-Type"), "application/octet-stream");
  EXPECT_EQ(reply.header("Content-MD5"), record(cloud().demo, id)["checksum"]);
  // Debian's uWSGI settings strip the length: the end of the connection is the end of the body.
  EXPECT_EQ(reply.header("Content-Length"), is(Flavour::kUwsgi) ? "" : "1000");
  for (const auto* absent : {"ETag", "Last-Modified", "Accept-Ranges"}) {
    EXPECT_FALSE(reply.has(absent)) << absent;
  }
}

TEST_F(Download, ConditionsAreIgnored) {
  const auto id = create_active(cloud().demo, bytes_);
  for (const auto* name : {"If-None-Match", "If-Match", "If-Range"}) {
    EXPECT_THAT(download(cloud().demo, id, {{name, "\"anything\""}}), Answers(200)) << name;
  }
  EXPECT_THAT(download(cloud().demo, id, {{"If-Modified-Since", "Sat, 01 Jan 2039 00:00:00 GMT"}}),
              Answers(200));
}

TEST_F(Download, SingleRanges) {
  const auto id = create_active(cloud().demo, bytes_);
  struct Row {
    const char* range;
    std::size_t first;
    std::size_t last;
  };
  for (const auto& [asked, first, last] : std::vector<Row>{{"bytes=0-9", 0, 9},
                                                           {"bytes=10-", 10, 999},
                                                           {"bytes=990-2000", 990, 999},
                                                           {"bytes=-10", 990, 999},
                                                           {"bytes=-5000", 0, 999},
                                                           {"bytes=0-99999999999", 0, 999},
                                                           {"bytes=-0", 0, 999}}) {
    const auto reply = range(id, asked);
    ASSERT_THAT(reply, Answers(206)) << asked;
    EXPECT_EQ(reply.body, bytes_.substr(first, last - first + 1)) << asked;
    EXPECT_EQ(reply.header("Content-Range"),
              "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/1000")
        << asked;
  }
}

TEST_F(Download, PartCarriesTheMd5OfTheWhole) {
  const auto id = create_active(cloud().demo, bytes_);
  EXPECT_EQ(range(id, "bytes=0-9").header("Content-MD5"), record(cloud().demo, id)["checksum"]);
}

TEST_F(Download, RangesThatCannotBe) {
  const auto id = create_active(cloud().demo, bytes_);
  for (const auto* asked :
       {"bytes=1000-", "bytes=5000-6000", "bytes=9-1", "bytes=abc", "lines=0-9"}) {
    const auto reply = range(id, asked);
    EXPECT_THAT(reply, Answers(416)) << asked;
    EXPECT_FALSE(reply.has("Content-Range")) << asked;
  }
  EXPECT_THAT(range(id, "bytes=0-9,20-29"), Answers(400));
  expect_breakdown(range(id, "bytes=-"));
}

TEST_F(Download, EmptyImageHasNoRange) {
  const auto id = create_active(cloud().demo, "");
  EXPECT_THAT(download(cloud().demo, id).body, "");
  EXPECT_THAT(range(id, "bytes=0-"), Answers(416));
}

TEST_F(Download, ContentRangeInTheRequestActsAsRange) {
  const auto id = create_active(cloud().demo, bytes_);
  const auto reply = download(cloud().demo, id, {{"Content-Range", "bytes 0-9/1000"}});
  EXPECT_THAT(reply, Answers(206));
  EXPECT_EQ(reply.body, bytes_.substr(0, 10));
}

TEST_F(Download, QueuedImageIsNoContentAndBreaksOnRanges) {
  const auto id = create(cloud().demo);
  EXPECT_THAT(download(cloud().demo, id), Answers(204));
  expect_breakdown(range(id, "bytes=0-9"));
}

TEST_F(Download, InvisibleAndUnknownAreNotFound) {
  const auto id = create_active(cloud().other, bytes_, {{"visibility", "private"}});
  EXPECT_THAT(download(cloud().demo, id), Answers(404));
  EXPECT_THAT(download(cloud().demo, new_uuid()), Answers(404));
}

TEST_F(Download, DeactivatedImageIsForAdministrators) {
  const auto id = create_active(cloud().demo, bytes_);
  ASSERT_THAT(
      cloud().glance.send("POST", "/v2/images/" + id + "/actions/deactivate", as(cloud().demo)),
      Answers(204));
  EXPECT_THAT(download(cloud().demo, id), Answers(403));
  EXPECT_THAT(range(id, "bytes=0-9"), Answers(403));
  EXPECT_THAT(download(cloud().admin, id), Answers(200));
  EXPECT_THAT(get(cloud().demo, "/v2/images/" + id), Answers(200, "deactivated"));
}

// Lost data looks like a success without content: it must never be taken for an empty file.
TEST_F(Download, LostBlobIsNoContent) {
  if (!cloud().blobs) GTEST_SKIP() << "GLANCEFS_CLOUD_BLOBS is not set";
  const auto id = create_active(cloud().demo, bytes_);
  ASSERT_TRUE(std::filesystem::remove(std::filesystem::path(*cloud().blobs) / id));
  EXPECT_THAT(download(cloud().demo, id), Answers(204, ""));
  EXPECT_THAT(range(id, "bytes=0-9"), Answers(204, ""));
  EXPECT_EQ(status_of(id), "active");
  EXPECT_THAT(del(cloud().demo, "/v2/images/" + id), Answers(204));
}

// The headers promise the recorded size; eventlet then keeps the connection open in silence.
TEST_F(Download, ShortBlobIsNotNoticedByTheServer) {
  if (!cloud().blobs) GTEST_SKIP() << "GLANCEFS_CLOUD_BLOBS is not set";
  const auto id = create_active(cloud().demo, bytes_);
  std::filesystem::resize_file(std::filesystem::path(*cloud().blobs) / id, 600);
  Wire wire(cloud().glance);
  wire.head("GET", "/v2/images/" + id + "/file", as(cloud().demo));
  const auto reply = wire.reply(std::chrono::seconds(1));
  EXPECT_THAT(reply, Answers(200));
  EXPECT_EQ(reply.body, bytes_.substr(0, 600));
  EXPECT_EQ(wire.ended(std::chrono::milliseconds(500)), is(Flavour::kUwsgi));
}

TEST_F(Download, HttpStoreRefusesRanges) {
  FileServer files;
  const auto url = files.add("blob", bytes_);
  const auto id = create(cloud().admin);
  const auto located = patch_one(cloud().admin, id, "add", "/locations/-",
                                 {{"url", url}, {"metadata", Json::object()}});
  if (located.status == 403) GTEST_SKIP() << "locations are not shown by this cloud";
  ASSERT_THAT(located, Answers(200, "\"active\""));
  EXPECT_EQ(located.json()["size"], kSize);
  EXPECT_TRUE(located.json()["checksum"].is_null());
  EXPECT_EQ(download(cloud().admin, id).body, bytes_);
  EXPECT_THAT(download(cloud().admin, id, {{"Range", "bytes=0-9"}}),
              Answers(400, "Getting images randomly from this store is not supported"));
}

}  // namespace
}  // namespace glancefs::cloud
