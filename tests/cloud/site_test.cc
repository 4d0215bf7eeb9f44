// What a site tells about itself: import methods, stores, schemas, metadata definitions, quotas.
#include "tests/cloud/cloud.h"

namespace glancefs::cloud {
namespace {

using testing::IsSupersetOf;

class Site : public CloudTest {
 protected:
  static Json ask(const User& user, const std::string& path) {
    const auto reply = get(user, path);
    EXPECT_THAT(reply, Answers(200)) << path;
    return reply.json();
  }
};

TEST_F(Site, ImportMethods) {
  EXPECT_THAT(ask(cloud().demo, "/v2/info/import")["import-methods"]["value"],
              testing::UnorderedElementsAre("glance-direct", "web-download", "copy-image"));
}

TEST_F(Site, StoresAndTheDefaultAsAString) {
  const auto stores = ask(cloud().demo, "/v2/info/stores")["stores"];
  std::vector<std::string> names;
  std::vector<std::string> defaults;
  for (const auto& store : stores) {
    names.push_back(store["id"]);
    if (store.value("default", "") == "true") defaults.push_back(store["id"]);
  }
  EXPECT_THAT(names, IsSupersetOf({"fast", "slow"}));
  EXPECT_THAT(defaults, testing::ElementsAre("fast"));
}

TEST_F(Site, StoreDetailsAreForAdministrators) {
  EXPECT_THAT(get(cloud().demo, "/v2/info/stores/detail"), Answers(403));
  const auto stores = ask(cloud().admin, "/v2/info/stores/detail")["stores"];
  ASSERT_FALSE(stores.empty());
  EXPECT_EQ(stores[0]["type"], "file");
}

TEST_F(Site, ImageSchemaSaysWhatIsBase) {
  const auto schema = ask(cloud().demo, "/v2/schemas/image");
  EXPECT_EQ(schema["name"], "image");
  EXPECT_EQ(schema["additionalProperties"], Json({{"type", "string"}}));
  EXPECT_FALSE(schema["properties"]["name"].contains("is_base"));
  EXPECT_EQ(schema["properties"]["os_distro"]["is_base"], false);
  EXPECT_THAT(schema["properties"]["disk_format"]["enum"],
              IsSupersetOf({Json("raw"), Json("qcow2"), Json()}));
  EXPECT_THAT(schema["properties"]["container_format"]["enum"], testing::Contains("bare"));
}

TEST_F(Site, SchemasNeedATokenAndAName) {
  for (const auto* name : {"images", "member", "members", "task", "metadefs/namespace"}) {
    EXPECT_TRUE(ask(cloud().demo, std::string("/v2/schemas/") + name).contains("properties"))
        << name;
  }
  EXPECT_THAT(get(cloud().demo, "/v2/schemas/nonsense"), Answers(404));
  EXPECT_THAT(cloud().glance.send("GET", "/v2/schemas/image"), Answers(401));
}

TEST_F(Site, TasksAndCacheAreForAdministrators) {
  EXPECT_THAT(get(cloud().demo, "/v2/tasks"), Answers(403));
  EXPECT_THAT(get(cloud().demo, "/v2/cache"), Answers(403));
}

TEST_F(Site, MetadataDefinitionsPrefixTheirProperties) {
  const std::string space = "/v2/metadefs/namespaces/OS::Compute::VirtCPUTopology";
  const auto for_images = ask(cloud().demo, space + "?resource_type=OS::Glance::Image");
  EXPECT_TRUE(for_images["properties"].contains("hw_cpu_sockets"));
  EXPECT_TRUE(ask(cloud().demo, space)["properties"].contains("cpu_sockets"));
}

TEST_F(Site, SomeMetadataDefinitionsAreForAdministrators) {
  const std::string query = "/v2/metadefs/namespaces?limit=100&resource_types=OS::Glance::Image";
  EXPECT_THAT(get(cloud().demo, query), Answers(200, "OS::Compute::VirtCPUTopology"));
  EXPECT_EQ(get(cloud().demo, query).body.find("OS::OperatingSystem"), std::string::npos);
  EXPECT_THAT(get(cloud().admin, query), Answers(200, "OS::OperatingSystem"));
}

TEST_F(Site, UsageIsEmptyWithoutLimits) {
  if (cloud().limits) GTEST_SKIP() << "this cloud has quotas";
  EXPECT_EQ(ask(cloud().demo, "/v2/info/usage")["usage"], Json::object());
}

}  // namespace
}  // namespace glancefs::cloud
