// Import: staging, downloads from the web, copies between stores.
#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

class Import : public CloudTest {
 protected:
  static Reply start(const User& user, const std::string& id, const Json& body) {
    return post(user, "/v2/images/" + id + "/import", body);
  }
  static Json direct() { return {{"method", {{"name", "glance-direct"}}}}; }
  static Json download_of(const std::string& uri) {
    return {{"method", {{"name", "web-download"}, {"uri", uri}}}};
  }
  static Json copy_to(const Json& stores) {
    return {{"method", {{"name", "copy-image"}}}, {"stores", stores}};
  }
  static Reply stage(const std::string& id, const std::string& bytes) {
    return cloud().glance.send("PUT", "/v2/images/" + id + "/stage", octets(cloud().demo), bytes);
  }
  /// The import is over: its task has left the record.
  static bool settled(const std::string& id) {
    return eventually([&] { return !record(cloud().admin, id).contains("os_glance_import_task"); });
  }

  FileServer web_;
};

TEST_F(Import, StagedDataBecomesTheImage) {
  const auto id = create(cloud().demo);
  ASSERT_THAT(stage(id, "staged"), Answers(204));
  auto image = record(cloud().demo, id);
  EXPECT_EQ(image["status"], "uploading");
  EXPECT_EQ(image["size"], 6);
  EXPECT_TRUE(image["checksum"].is_null());
  EXPECT_THAT(stage(id, "again"), Answers(409));
  EXPECT_THAT(upload(cloud().demo, id, "again"), Answers(409));
  EXPECT_THAT(download(cloud().demo, id), Answers(204));
  EXPECT_THAT(patch_one(cloud().demo, id, "replace", "/disk_format", "iso"), Answers(403));
  ASSERT_THAT(start(cloud().demo, id, direct()), Answers(202, ""));
  ASSERT_TRUE(becomes(id, "active"));
  EXPECT_THAT(download(cloud().demo, id), Answers(200, "staged"));
}

TEST_F(Import, DownloadBringsTheBytes) {
  const auto bytes = some_bytes(300'000);
  const auto id = create(cloud().demo);
  ASSERT_THAT(start(cloud().demo, id, download_of(web_.add("image", bytes))), Answers(202, ""));
  ASSERT_TRUE(becomes(id, "active"));
  EXPECT_EQ(download(cloud().demo, id).body, bytes);
  ASSERT_TRUE(settled(id));
  const auto image = record(cloud().demo, id);
  EXPECT_EQ(image["size"], bytes.size());
  EXPECT_EQ(image["os_glance_importing_to_stores"], "");
  EXPECT_EQ(image["os_glance_failed_import"], "");
}

TEST_F(Import, FailedDownloadIsQueuedAgainAndNamesTheStore) {
  const auto id = create(cloud().demo);
  ASSERT_THAT(start(cloud().demo, id, download_of(web_.url("missing"))), Answers(202));
  ASSERT_TRUE(eventually([&] {
    const auto image = record(cloud().demo, id);
    return image["status"] == "queued" && !image.contains("os_glance_import_task") &&
           image.value("os_glance_failed_import", "") == "fast";
  }));
  ASSERT_THAT(start(cloud().demo, id, download_of(web_.add("missing", "now there"))), Answers(202));
  EXPECT_TRUE(becomes(id, "active"));
}

TEST_F(Import, AddressesAreFiltered) {
  const auto id = create(cloud().demo);
  for (const auto* uri : {"ftp://127.0.0.1/x", "http://198.51.100.1/x", "file:///etc/passwd", ""}) {
    EXPECT_THAT(start(cloud().demo, id, download_of(uri)), Answers(400)) << uri;
  }
  EXPECT_EQ(status_of(id), "queued");
}

TEST_F(Import, RequestsThatAreRefused) {
  const auto id = create(cloud().demo);
  const auto uri = web_.add("image", "data");
  auto everywhere = download_of(uri);
  everywhere["stores"] = {"slow"};
  everywhere["all_stores"] = true;
  auto nowhere = download_of(uri);
  nowhere["stores"] = {"nowhere"};
  EXPECT_THAT(start(cloud().demo, id, everywhere), Answers(400));
  EXPECT_THAT(start(cloud().demo, id, nowhere), Answers(409));
  EXPECT_THAT(start(cloud().demo, id, {{"method", {{"name", "magic"}}}}), Answers(400));
  EXPECT_THAT(start(cloud().demo, id, Json::array()), Answers(500));
  EXPECT_THAT(start(cloud().demo, id, {{"method", "web-download"}}), Answers(500));
  EXPECT_THAT(start(cloud().demo, id, direct()), Answers(409));
  EXPECT_THAT(start(cloud().other, id, download_of(uri)), Answers(404));
}

TEST_F(Import, FormatsMustBeKnownBefore) {
  const auto id = try_create(cloud().demo, Json::object()).json().value("id", "");
  EXPECT_THAT(start(cloud().demo, id, download_of(web_.add("image", "data"))), Answers(409));
}

TEST_F(Import, SeveralStoresAtOnce) {
  const auto id = create(cloud().demo);
  auto body = download_of(web_.add("image", "data"));
  body["stores"] = {"fast", "slow"};
  ASSERT_THAT(start(cloud().demo, id, body), Answers(202));
  ASSERT_TRUE(
      eventually([&] { return record(cloud().demo, id).value("stores", "") == "fast,slow"; }));
  ASSERT_TRUE(settled(id));
  EXPECT_THAT(del(cloud().demo, "/v2/stores/nowhere/" + id), Answers(409));
  EXPECT_THAT(del(cloud().demo, "/v2/stores/fast/" + id), Answers(204));
  EXPECT_EQ(record(cloud().demo, id)["stores"], "slow");
  EXPECT_THAT(download(cloud().demo, id), Answers(200, "data"));
}

// Nobody sees an image in some of its stores: with all of them wanted it is active at the end.
TEST_F(Import, StagedDataReachAllStoresOrNone) {
  const auto id = create(cloud().demo);
  ASSERT_THAT(stage(id, some_bytes(3'000'000)), Answers(204));
  auto body = direct();
  body["stores"] = {"fast", "slow"};
  ASSERT_THAT(start(cloud().demo, id, body), Answers(202));
  ASSERT_TRUE(eventually([&] {
    const auto image = record(cloud().demo, id);
    const bool active = image["status"] == "active";
    EXPECT_EQ(active, image.value("stores", "") == "fast,slow") << image;
    return active;
  }));
  EXPECT_EQ(record(cloud().demo, id)["os_glance_importing_to_stores"], "");
}

TEST_F(Import, AStoreMayBeNamedInTheUpload) {
  const auto id = create(cloud().demo);
  ASSERT_THAT(upload(cloud().demo, id, "data", {{"x-image-meta-store", "slow"}}), Answers(204));
  EXPECT_EQ(record(cloud().demo, id)["stores"], "slow");
}

// The quota counts when the data are brought into the store, after everything has been accepted.
TEST_F(Import, StagedDataThatDoNotFitAreStuckForEver) {
  if (!cloud().storage_quota) GTEST_SKIP() << "GLANCEFS_CLOUD_STORAGE_QUOTA is not set";
  const auto id = create(cloud().demo);
  ASSERT_THAT(stage(id, some_bytes(*cloud().storage_quota + 1)), Answers(204));
  ASSERT_THAT(start(cloud().demo, id, direct()), Answers(202));
  ASSERT_TRUE(eventually(
      [&] { return record(cloud().demo, id).value("os_glance_failed_import", "") == "fast"; }));
  ASSERT_TRUE(settled(id));
  const auto image = record(cloud().demo, id);
  EXPECT_EQ(image["status"], "importing");
  EXPECT_EQ(image["os_glance_importing_to_stores"], "");
  EXPECT_EQ(image["size"], *cloud().storage_quota + 1) << "of what is staged";
  EXPECT_THAT(start(cloud().demo, id, direct()), Answers(409));
  EXPECT_THAT(stage(id, "again"), Answers(409));
  const auto tasks = get(cloud().demo, "/v2/images/" + id + "/tasks").json()["tasks"];
  ASSERT_EQ(tasks.size(), 1U);
  EXPECT_EQ(tasks[0]["status"], "failure");
  EXPECT_THAT(del(cloud().demo, "/v2/images/" + id), Answers(204));
}

TEST_F(Import, CopiesAreMadeByAdministrators) {
  const auto id = create_active(cloud().demo, "data");
  EXPECT_THAT(start(cloud().demo, id, copy_to({"slow"})), Answers(403));
  EXPECT_THAT(start(cloud().admin, id, copy_to({"fast"})), Answers(400));
  ASSERT_THAT(start(cloud().admin, id, copy_to({"slow"})), Answers(202));
  EXPECT_TRUE(
      eventually([&] { return record(cloud().demo, id).value("stores", "") == "fast,slow"; }));
  EXPECT_EQ(status_of(id), "active");
  EXPECT_TRUE(settled(id));
}

TEST_F(Import, OnlyActiveImagesAreCopied) {
  const auto id = create(cloud().admin);
  EXPECT_THAT(start(cloud().admin, id, copy_to({"slow"})), Answers(409));
}

TEST_F(Import, TasksTellLittle) {
  const auto id = create(cloud().demo);
  ASSERT_THAT(start(cloud().demo, id, download_of(web_.url("missing"))), Answers(202));
  Json tasks;
  ASSERT_TRUE(eventually([&] {
    tasks = get(cloud().demo, "/v2/images/" + id + "/tasks").json()["tasks"];
    return tasks.size() == 1 && tasks[0]["status"] == "failure";
  }));
  EXPECT_EQ(tasks[0]["type"], "api_image_import");
  EXPECT_EQ(tasks[0]["message"].get<std::string>().find("404"), std::string::npos);
  EXPECT_TRUE(settled(id));
}

}  // namespace
}  // namespace glancefs::cloud
