// Uploads byte by byte: framing, 100-continue, interruption, and what happens meanwhile.
#include <fmt/format.h>

#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

class UploadWire : public CloudTest {
 protected:
  static std::string file(const std::string& id) { return "/v2/images/" + id + "/file"; }

  /// A PUT whose body is still to come.
  static Wire begin(const std::string& id, const Headers& framing) {
    Wire wire(cloud().glance);
    wire.head("PUT", file(id), octets(cloud().demo, framing));
    return wire;
  }
  /// A chunk on the wire.
  static std::string chunk(const std::string& bytes) {
    return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
  }
  /// An upload of 10 bytes that has sent 5 and is seen to be saving.
  static Wire half_sent(const std::string& id) {
    auto wire = begin(id, {{"Content-Length", "10"}});
    wire.send("01234");
    EXPECT_TRUE(becomes(id, "saving"));
    return wire;
  }
};

TEST_F(UploadWire, ContinueComesOnlyAfterTheChecks) {
  if (is(Flavour::kUwsgi)) GTEST_SKIP() << "uWSGI never sends 100";
  const auto id = create(cloud().demo);
  const Headers framing{{"Content-Length", "5"}, {"Expect", "100-continue"}};
  auto wire = begin(id, framing);
  ASSERT_THAT(wire.reply(), Answers(100));
  wire.send("hello");
  EXPECT_THAT(wire.reply(), Answers(204));
  EXPECT_THAT(begin(id, framing).reply(), Answers(409));
  EXPECT_THAT(begin(new_uuid(), framing).reply(), Answers(404));
}

TEST_F(UploadWire, RefusalInsteadOfContinueClosesTheConnection) {
  if (is(Flavour::kUwsgi)) GTEST_SKIP() << "uWSGI never sends 100";
  auto wire = begin(new_uuid(), {{"Content-Length", "5"}, {"Expect", "100-continue"}});
  ASSERT_THAT(wire.reply(), Answers(404));
  EXPECT_TRUE(wire.ended());
}

TEST_F(UploadWire, UwsgiNeverSaysContinue) {
  if (!is(Flavour::kUwsgi)) GTEST_SKIP() << "only uWSGI does that";
  const auto id = create(cloud().demo);
  auto wire = begin(id, {{"Content-Length", "5"}, {"Expect", "100-continue"}});
  EXPECT_THAT(wire.reply(std::chrono::milliseconds(700)), Answers(0));
  wire.send("hello");
  EXPECT_THAT(wire.reply(), Answers(204));
}

// Both framings together: eventlet cuts what it has decoded at Content-Length and calls it success.
TEST_F(UploadWire, BothFramingsTruncateOnEventlet) {
  const auto id = create(cloud().demo);
  auto wire = begin(id, {{"Transfer-Encoding", "chunked"}, {"Content-Length", "3"}});
  wire.send(chunk("hello") + "0\r\n\r\n");
  ASSERT_THAT(wire.reply(), Answers(204));
  EXPECT_EQ(record(cloud().demo, id)["size"], is(Flavour::kUwsgi) ? 5 : 3);
}

TEST_F(UploadWire, AbortMidBodyMakesItQueuedAgain) {
  const auto id = create(cloud().demo);
  half_sent(id).close();
  ASSERT_TRUE(becomes(id, "queued"));
  EXPECT_TRUE(record(cloud().demo, id)["size"].is_null());
  EXPECT_TRUE(record(cloud().demo, id)["checksum"].is_null());
  EXPECT_THAT(upload(cloud().demo, id, "second try"), Answers(204));
}

TEST_F(UploadWire, AbortMidChunkMakesItQueuedAgain) {
  const auto id = create(cloud().demo);
  auto wire = begin(id, {{"Transfer-Encoding", "chunked"}});
  wire.send(chunk("01234") + "a\r\n012");
  ASSERT_TRUE(becomes(id, "saving"));
  wire.close();
  ASSERT_TRUE(becomes(id, "queued"));
  EXPECT_THAT(upload(cloud().demo, id, "second try"), Answers(204));
}

TEST_F(UploadWire, AbortBeforeTheLastChunkMakesItQueuedAgain) {
  const auto id = create(cloud().demo);
  auto wire = begin(id, {{"Transfer-Encoding", "chunked"}});
  wire.send(chunk("complete but for the end"));
  ASSERT_TRUE(becomes(id, "saving"));
  wire.close();
  EXPECT_TRUE(becomes(id, "queued"));
}

TEST_F(UploadWire, HalfCloseIsAnAbort) {
  const auto id = create(cloud().demo);
  auto wire = half_sent(id);
  wire.half_close();
  EXPECT_THAT(wire.reply(), Answers(500));
  EXPECT_TRUE(becomes(id, "queued"));
}

// uWSGI takes what it cannot read for the end of the body, and calls the rest of it success.
TEST_F(UploadWire, MalformedChunkIsRefusedByEventletOnly) {
  const auto id = create(cloud().demo);
  auto wire = begin(id, {{"Transfer-Encoding", "chunked"}});
  wire.send(chunk("01234") + "zz\r\nhello\r\n");
  if (is(Flavour::kUwsgi)) {
    EXPECT_THAT(wire.reply(), Answers(204));
    EXPECT_EQ(record(cloud().demo, id)["size"], 5);
    return;
  }
  EXPECT_THAT(wire.reply(), Answers(400));
  EXPECT_TRUE(becomes(id, "queued"));
}

TEST_F(UploadWire, UwsgiRefusesChunksOfAMebibyte) {
  const auto id = create(cloud().demo);
  const auto reply = cloud().glance.put_chunked(file(id), as(cloud().demo), {some_bytes(1 << 20)});
  if (is(Flavour::kUwsgi)) {
    EXPECT_NE(reply.status, 204);
    EXPECT_TRUE(becomes(id, "queued"));
    return;
  }
  EXPECT_THAT(reply, Answers(204));
}

TEST_F(UploadWire, UwsgiEndsABodyThatPauses) {
  if (!is(Flavour::kUwsgi)) GTEST_SKIP() << "eventlet waits for 900 s";
  const auto id = create(cloud().demo);
  auto wire = half_sent(id);
  EXPECT_THAT(wire.reply(), Answers(500));
  EXPECT_TRUE(becomes(id, "queued"));
}

// The upload writes back the whole record as it was at its start.
TEST_F(UploadWire, ChangesMadeMeanwhileAreUndone) {
  const auto id = create(cloud().demo, {{"name", "before"}});
  auto wire = half_sent(id);
  const auto changed = patch(cloud().demo, id,
                             {{{"op", "replace"}, {"path", "/name"}, {"value", "after"}},
                              {{"op", "replace"}, {"path", "/visibility"}, {"value", "private"}},
                              {{"op", "add"}, {"path", "/custom"}, {"value", "1"}},
                              {{"op", "add"}, {"path", "/tags"}, {"value", {"x"}}}});
  ASSERT_THAT(changed, Answers(200));
  EXPECT_EQ(changed.json()["visibility"], "private");
  wire.send("56789");
  ASSERT_THAT(wire.reply(), Answers(204));
  const auto image = record(cloud().demo, id);
  EXPECT_EQ(image["status"], "active");
  EXPECT_EQ(image["name"], "before");
  EXPECT_EQ(image["visibility"], "shared");
  EXPECT_FALSE(image.contains("custom"));
  EXPECT_EQ(image["tags"], Json::array());
}

TEST_F(UploadWire, OtherRequestsMeanwhile) {
  const auto id = create(cloud().demo);
  auto wire = half_sent(id);
  EXPECT_THAT(upload(cloud().demo, id, "intruder"), Answers(409, "from saving to saving"));
  EXPECT_THAT(download(cloud().demo, id), Answers(204));
  EXPECT_THAT(patch_one(cloud().demo, id, "replace", "/disk_format", "qcow2"), Answers(403));
  wire.send("56789");
  ASSERT_THAT(wire.reply(), Answers(204));
  EXPECT_THAT(download(cloud().demo, id), Answers(200, "0123456789"));
}

TEST_F(UploadWire, DeleteMeanwhileEndsIn410) {
  const auto id = create(cloud().demo);
  auto wire = half_sent(id);
  ASSERT_THAT(del(cloud().demo, "/v2/images/" + id), Answers(204));
  wire.send("56789");
  EXPECT_THAT(wire.reply(), Answers(410));
  EXPECT_THAT(get(cloud().demo, "/v2/images/" + id), Answers(404));
}

}  // namespace
}  // namespace glancefs::cloud
