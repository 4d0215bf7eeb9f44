// The samples in contrib that other programs read: what must be in them so that they work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace glancefs::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::string kSamples = GLANCEFS_SAMPLES;

class DaemonSet : public testing::Test {
 protected:
  const YAML::Node all_ = YAML::LoadFile(kSamples + "/kubernetes/daemonset.yaml");
  const YAML::Node pod_ = all_["spec"]["template"]["spec"];
  const YAML::Node container_ = pod_["containers"][0];
};

TEST_F(DaemonSet, SelectsItsOwnPods) {
  EXPECT_EQ(all_["kind"].as<std::string>(), "DaemonSet");
  EXPECT_EQ(all_["apiVersion"].as<std::string>(), "apps/v1");
  EXPECT_EQ(all_["spec"]["selector"]["matchLabels"]["app"].as<std::string>(),
            all_["spec"]["template"]["metadata"]["labels"]["app"].as<std::string>());
}

TEST_F(DaemonSet, PassesTheMountOnToTheNode) {
  EXPECT_TRUE(container_["securityContext"]["privileged"].as<bool>());
  const std::string mount_point = container_["args"][1].as<std::string>();
  int found = 0;
  for (const YAML::Node& mount : container_["volumeMounts"]) {
    if (mount["mountPath"].as<std::string>() != mount_point) continue;
    EXPECT_EQ(mount["mountPropagation"].as<std::string>(), "Bidirectional");
    ++found;
  }
  EXPECT_EQ(found, 1);
}

TEST_F(DaemonSet, UnmountsAndKeepsWhatIsNotSent) {
  const YAML::Node stop = container_["lifecycle"]["preStop"]["exec"]["command"];
  EXPECT_EQ(stop[0].as<std::string>(), "umount");
  EXPECT_EQ(stop[1].as<std::string>(), container_["args"][1].as<std::string>());
  // Longer than shutdown-timeout.
  EXPECT_GT(pod_["terminationGracePeriodSeconds"].as<int>(), 60);
}

TEST_F(DaemonSet, HasAVolumeForEachMount) {
  std::map<std::string, YAML::Node> volumes;
  for (const YAML::Node& volume : pod_["volumes"]) {
    volumes[volume["name"].as<std::string>()] = volume;
  }
  EXPECT_EQ(volumes.size(), container_["volumeMounts"].size());
  for (const YAML::Node& mount : container_["volumeMounts"]) {
    const std::string name = mount["name"].as<std::string>();
    ASSERT_TRUE(volumes.contains(name)) << name;
    // What a pod leaves behind must be there for the next one, at the place it looks.
    if (volumes[name]["hostPath"]) {
      EXPECT_EQ(volumes[name]["hostPath"]["path"].as<std::string>(),
                mount["mountPath"].as<std::string>());
    }
  }
}

std::string text_of(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(kSamples + "/packaging/" + name).rdbuf();
  return text.str();
}

TEST(Packaging, IsOfThisVersion) {
  const std::string version = GLANCEFS_VERSION;
  EXPECT_THAT(text_of("debian/changelog"), StartsWith("glancefs (" + version + "-"));
  EXPECT_THAT(text_of("glancefs.spec"), HasSubstr("\nVersion:        " + version + "\n"));
}

}  // namespace
}  // namespace glancefs::test
