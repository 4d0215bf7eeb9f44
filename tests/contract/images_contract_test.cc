#include "tests/contract/images_contract.h"

#include "tests/contract/images_sharing_contract.h"
#include "tests/support/cloud_client.h"
#include "tests/support/stub_server.h"

namespace glancefs::client {
namespace {

struct FakeService {
  enum Who { kUs, kThem, kAdmin };

  Images& images() { return fake; }
  std::string add(const std::string& name, const std::string& data) {
    return fake.add(name, data).id;
  }
  std::string add_foreign(const std::string& name, const std::string& visibility) {
    return fake
        .add(name, "x",
             [&](Image& image) {
               image.owner = project(kThem);
               image.visibility = *visibility_of(visibility);
             })
        .id;
  }
  void erase(const std::string& id) { fake.erase(id); }
  void lose_data(const std::string& id) { fake.lose_data(id); }
  void refuse_ranges() { fake.refuse_ranges(true); }
  void become(Who who) { fake.set_caller(project(who), who == kAdmin); }
  std::string project(Who who) const {
    if (who == kUs) return us;
    return who == kThem ? "somebody-else" : "administrators";
  }
  std::string serve(const std::string& data) {
    const std::string url = "http://web/" + std::to_string(++served);
    if (!data.empty()) fake.set_web(url, data);
    return url;
  }

  test::FakeImages fake;
  const std::string us = fake.project();
  int served = 0;
};

// Glance over HTTP, with pages so short that every listing has several.
struct DevCloudService {
  static devcloud::Config config() {
    devcloud::Config made;
    made.page_max = 2;
    return made;
  }
  enum Who { kUs, kThem, kAdmin };

  Images& images() { return client_of(who).glance; }
  std::string add(const std::string& name, const std::string& data) {
    return cloud.add_image(devcloud::image_named(name), devcloud::Blob(data));
  }
  std::string add_foreign(const std::string& name, const std::string& visibility) {
    devcloud::Image image = devcloud::image_named(name);
    image.owner = cloud.other().project_id;
    image.visibility = visibility;
    return cloud.add_image(image, devcloud::Blob("x"));
  }
  void erase(const std::string& id) { cloud.delete_image(id); }
  void lose_data(const std::string& id) { cloud.erase_data(id); }
  void refuse_ranges() {
    devcloud::Fault fault =
        devcloud::answer_fault(400, R"({"message": "The random get is not supported"})",
                               {{"Content-Type", "application/json"}});
    fault.path = "/file";
    fault.times = 1;  // the plain GET that follows is not refused
    cloud.add_fault(fault);
  }

  void become(Who other) { who = other; }
  devcloud::Account account(Who whose) const {
    if (whose == kUs) return cloud.demo();
    return whose == kThem ? cloud.other() : cloud.admin();
  }
  std::string project(Who whose) const { return account(whose).project_id; }
  test::CloudClient& client_of(Who whose) {
    auto& client = clients[whose];
    if (!client) client = std::make_unique<test::CloudClient>(cloud, account(whose));
    return *client;
  }
  std::string serve(const std::string& data) {
    servers.push_back(std::make_unique<test::StubServer>([data](test::Peer& peer, int /*number*/) {
      peer.read_head();
      peer.send(data.empty() ? "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"
                             : "HTTP/1.0 200 OK\r\nContent-Length: " + std::to_string(data.size()) +
                                   "\r\n\r\n" + data);
    }));
    return servers.back()->url() + "/image";
  }

  devcloud::DevCloud cloud{config()};
  Who who = kUs;
  std::map<Who, std::unique_ptr<test::CloudClient>> clients;
  std::vector<std::unique_ptr<test::StubServer>> servers;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, ImagesContract, FakeService);
INSTANTIATE_TYPED_TEST_SUITE_P(DevCloud, ImagesContract, DevCloudService);
INSTANTIATE_TYPED_TEST_SUITE_P(Fake, SharingContract, FakeService);
INSTANTIATE_TYPED_TEST_SUITE_P(DevCloud, SharingContract, DevCloudService);

// The fake has those that a test gives it.
TEST(Definitions, ComeFromAllNamespacesWithTheirPrefixes) {
  DevCloudService service;
  const auto has = [](const std::vector<PropertyDefinition>& all, std::string_view name) {
    return std::ranges::count(all, name, &PropertyDefinition::name);
  };
  const auto ours = service.images().definitions({});
  EXPECT_EQ(has(ours, "hw_cpu_cores"), 1);
  EXPECT_EQ(has(ours, "hw_vif_model"), 2) << "of two namespaces";
  EXPECT_EQ(has(ours, "os_distro"), 0) << "not for members";
  service.become(DevCloudService::kAdmin);
  EXPECT_EQ(has(service.images().definitions({}), "os_distro"), 1);
}

}  // namespace
}  // namespace glancefs::client
