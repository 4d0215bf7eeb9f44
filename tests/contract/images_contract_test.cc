#include "tests/contract/images_contract.h"

#include "tests/support/cloud_client.h"

namespace glancefs::client {
namespace {

struct FakeService {
  Images& images() { return fake; }
  std::string add(const std::string& name, const std::string& data) {
    return fake.add(name, data).id;
  }
  std::string add_foreign(const std::string& name, const std::string& visibility) {
    return fake
        .add(name, "x",
             [&](Image& image) {
               image.owner = "somebody-else";
               image.visibility = *visibility_of(visibility);
             })
        .id;
  }
  void erase(const std::string& id) { fake.erase(id); }
  void lose_data(const std::string& id) { fake.lose_data(id); }
  void refuse_ranges() { fake.refuse_ranges(true); }

  test::FakeImages fake;
};

// Glance over HTTP, with pages so short that every listing has several.
struct DevCloudService {
  static devcloud::Config config() {
    devcloud::Config made;
    made.page_max = 2;
    return made;
  }
  Images& images() { return client.glance; }
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

  devcloud::DevCloud cloud{config()};
  test::CloudClient client{cloud};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, ImagesContract, FakeService);
INSTANTIATE_TYPED_TEST_SUITE_P(DevCloud, ImagesContract, DevCloudService);

}  // namespace
}  // namespace glancefs::client
