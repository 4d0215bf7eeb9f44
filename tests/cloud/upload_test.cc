// PUT /v2/images/{id}/file: what is checked before the body, and what an upload leaves behind.
#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

constexpr auto kHello = "hello glance";

class Upload : public CloudTest {};

TEST_F(Upload, ActivatesWithSizeAndHashes) {
  const auto id = create(cloud().demo);
  ASSERT_THAT(upload(cloud().demo, id, kHello), Answers(204, ""));
  const auto image = record(cloud().demo, id);
  EXPECT_EQ(image["status"], "active");
  EXPECT_EQ(image["size"], 12);
  EXPECT_EQ(image["virtual_size"], 12);
  EXPECT_EQ(image["checksum"], "c13580a1c16a462bfa700dd21cd625f3");
  EXPECT_EQ(image["os_hash_algo"], "sha512");
  EXPECT_EQ(image["os_hash_value"].get<std::string>().size(), 128U);
  EXPECT_EQ(image["stores"], "fast");
}

TEST_F(Upload, TakesChunksOfAnyNumber) {
  const auto id = create(cloud().demo);
  const auto bytes = some_bytes(500'000);
  ASSERT_THAT(cloud().glance.put_chunked("/v2/images/" + id + "/file", as(cloud().demo),
                                         {bytes, "hello", bytes}),
              Answers(204));
  EXPECT_EQ(download(cloud().demo, id).body, bytes + "hello" + bytes);
}

TEST_F(Upload, StoreMayBeChosen) {
  const auto id = create(cloud().demo);
  EXPECT_THAT(upload(cloud().demo, id, kHello, {{"x-image-meta-store", "nope"}}),
              Answers(400, "nope"));
  ASSERT_THAT(upload(cloud().demo, id, kHello, {{"x-image-meta-store", "slow"}}), Answers(204));
  EXPECT_EQ(record(cloud().demo, id)["stores"], "slow");
}

TEST_F(Upload, ContentTypeMustBeOctetStream) {
  const auto id = create(cloud().demo);
  const auto path = "/v2/images/" + id + "/file";
  for (const auto* type : {"application/json", "text/plain", "APPLICATION/OCTET-STREAM"}) {
    EXPECT_THAT(
        cloud().glance.send("PUT", path, as(cloud().demo, {{"Content-Type", type}}), kHello),
        Answers(415))
        << type;
  }
  Wire wire(cloud().glance);
  wire.head("PUT", path, as(cloud().demo, {{"Content-Length", "5"}, {"Connection", "close"}}));
  wire.send("hello");
  EXPECT_THAT(wire.reply(), Answers(415));
  EXPECT_EQ(status_of(id), "queued");
}

TEST_F(Upload, ChecksComeInOrder) {
  auto nobody = cloud().demo;
  nobody.token = "nonsense";
  const auto foreign = create(cloud().other, {{"visibility", "private"}});
  const auto visible = create(cloud().other, {{"visibility", "community"}});
  EXPECT_THAT(upload(nobody, foreign, kHello), Answers(401));
  EXPECT_THAT(upload(cloud().demo, new_uuid(), kHello), Answers(404));
  EXPECT_THAT(upload(cloud().demo, foreign, kHello), Answers(404));
  EXPECT_THAT(upload(cloud().demo, visible, kHello), Answers(403));
  const auto without_formats = try_create(cloud().demo, Json::object()).json().value("id", "");
  EXPECT_THAT(upload(cloud().demo, without_formats, kHello), Answers(400, "disk_format"));
  EXPECT_EQ(status_of(without_formats), "queued");
}

TEST_F(Upload, HappensOnce) {
  const auto id = create_active(cloud().demo, kHello);
  EXPECT_THAT(upload(cloud().demo, id, "again"),
              Answers(409, "Image status transition from active to saving is not allowed"));
  EXPECT_THAT(download(cloud().demo, id), Answers(200, kHello));
}

// The most dangerous success: a 0-byte image that can never be filled.
TEST_F(Upload, EmptyBodyMakesAFinalEmptyImage) {
  const auto id = create(cloud().demo);
  ASSERT_THAT(upload(cloud().demo, id, ""), Answers(204));
  const auto image = record(cloud().demo, id);
  EXPECT_EQ(image["status"], "active");
  EXPECT_EQ(image["size"], 0);
  EXPECT_EQ(image["checksum"], "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_TRUE(image["virtual_size"].is_null());
  EXPECT_THAT(upload(cloud().demo, id, kHello), Answers(409));
}

TEST_F(Upload, NoFramingAtAllIsAnEmptyBodyToo) {
  const auto id = create(cloud().demo);
  Wire wire(cloud().glance);
  wire.head("PUT", "/v2/images/" + id + "/file", octets(cloud().demo, {{"Connection", "close"}}));
  EXPECT_THAT(wire.reply(), Answers(204));
  EXPECT_EQ(record(cloud().demo, id)["size"], 0);
}

TEST_F(Upload, EmptyChunkedBodyIsAnEmptyImage) {
  const auto id = create(cloud().demo);
  EXPECT_THAT(cloud().glance.put_chunked("/v2/images/" + id + "/file", as(cloud().demo), {}),
              Answers(204));
  EXPECT_EQ(record(cloud().demo, id)["size"], 0);
}

// 25.1 looks at the content only to learn the virtual size; a lie is accepted.
TEST_F(Upload, ContentIsNotHeldAgainstTheFormat) {
  const auto id = create(cloud().demo, {{"disk_format", "qcow2"}});
  ASSERT_THAT(upload(cloud().demo, id, "this is no qcow2 image at all"), Answers(204));
  EXPECT_EQ(record(cloud().demo, id)["status"], "active");
  EXPECT_TRUE(record(cloud().demo, id)["virtual_size"].is_null());
}

}  // namespace
}  // namespace glancefs::cloud
