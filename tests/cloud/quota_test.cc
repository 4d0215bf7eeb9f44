// Quotas: Keystone's limits, and Glance's own when there are none of those.
#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

class Quota : public CloudTest {
 protected:
  void SetUp() override {
    if (!cloud().limits) GTEST_SKIP() << "GLANCEFS_CLOUD_LIMITS is not set";
  }
  static Json usage(const std::string& resource) {
    return get(cloud().other, "/v2/info/usage").json()["usage"][resource]["usage"];
  }
};

TEST_F(Quota, UsageNamesEveryLimit) {
  const auto all = get(cloud().demo, "/v2/info/usage").json()["usage"];
  EXPECT_EQ(all["image_size_total"], Json({{"usage", 0}, {"limit", cloud().limits->size_total}}));
  EXPECT_EQ(all["image_count_total"]["limit"], cloud().limits->count_total);
  EXPECT_TRUE(all.contains("image_stage_total"));
  EXPECT_TRUE(all.contains("image_count_uploading"));
}

// Only what is used already counts: the upload that crosses the line succeeds, the next one not.
TEST_F(Quota, OneUploadMayCrossTheLine) {
  const auto mebibytes = cloud().limits->size_total + 1;
  const auto bytes = some_bytes(static_cast<std::size_t>(mebibytes) << 20);
  EXPECT_EQ(usage("image_size_total"), 0);
  create_active(cloud().other, bytes);
  EXPECT_EQ(usage("image_size_total"), mebibytes);
  const auto id = create(cloud().other);
  EXPECT_THAT(upload(cloud().other, id, "one more"),
              Answers(413, "image_size_total is over limit"));
  EXPECT_EQ(status_of(id), "queued");
}

// An import knows its size, and is refused after it has been accepted: queued again without a sign
// in the record, while the task has the reason.
TEST_F(Quota, AnImportMayNotCrossTheLine) {
  const auto mebibytes = cloud().limits->size_total + 1;
  const auto id = create(cloud().other);
  const auto path = "/v2/images/" + id;
  ASSERT_THAT(cloud().glance.send("PUT", path + "/stage", octets(cloud().other),
                                  some_bytes(static_cast<std::size_t>(mebibytes) << 20)),
              Answers(204));
  ASSERT_THAT(post(cloud().other, path + "/import", {{"method", {{"name", "glance-direct"}}}}),
              Answers(202));
  ASSERT_TRUE(becomes(id, "queued"));
  Json image;
  ASSERT_TRUE(eventually([&] {
    image = record(cloud().admin, id);
    return !image.contains("os_glance_import_task");
  }));
  EXPECT_EQ(image["os_glance_importing_to_stores"], "");
  EXPECT_EQ(image["os_glance_failed_import"], "");
  EXPECT_TRUE(image["checksum"].is_null());
  Json tasks;
  ASSERT_TRUE(eventually([&] {
    tasks = get(cloud().other, path + "/tasks").json()["tasks"];
    return tasks.size() == 1 && tasks[0]["status"] == "failure";
  }));
  EXPECT_THAT(tasks[0]["message"].get<std::string>(),
              testing::HasSubstr("is over a limit for [Resource image_size_total"));
}

TEST_F(Quota, ImagesAreCounted) {
  for (int i = 0; i < cloud().limits->count_total; ++i) create(cloud().other);
  EXPECT_THAT(try_create(cloud().other, Json::object()),
              Answers(413, "image_count_total is over limit"));
}

class StorageQuota : public CloudTest {
 protected:
  void SetUp() override {
    if (!cloud().storage_quota) GTEST_SKIP() << "GLANCEFS_CLOUD_STORAGE_QUOTA is not set";
  }
};

TEST_F(StorageQuota, AnnouncedSizeIsRefusedBeforeTheBodyAndRetryable) {
  const auto id = create(cloud().other);
  Wire wire(cloud().glance);
  wire.head("PUT", "/v2/images/" + id + "/file",
            octets(cloud().other, {{"Content-Length", std::to_string(*cloud().storage_quota + 1)},
                                   {"Expect", "100-continue"}}));
  EXPECT_THAT(wire.reply(), Answers(413, "quota"));
  EXPECT_EQ(status_of(id), "queued");
  EXPECT_THAT(upload(cloud().other, id, "less"), Answers(204));
}

// Only DELETE gets out of this one.
TEST_F(StorageQuota, ChunkedUploadIsStuck) {
  const auto id = create(cloud().other);
  const auto piece = some_bytes(std::size_t{256} << 10);
  const auto count = *cloud().storage_quota / piece.size() + 1;
  EXPECT_THAT(cloud().glance.put_chunked("/v2/images/" + id + "/file", as(cloud().other),
                                         std::vector<std::string>(count, piece)),
              Answers(413));
  EXPECT_EQ(status_of(id), "saving");
  EXPECT_THAT(upload(cloud().other, id, "less"), Answers(409));
  EXPECT_THAT(del(cloud().other, "/v2/images/" + id), Answers(204));
}

}  // namespace
}  // namespace glancefs::cloud
