// What POSIX promises of files and directories, in an ordinary directory and in the mount: see
// conformance.h.
#include "tests/mount/conformance.h"

#include <sys/stat.h>

#include <filesystem>

#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::StartsWith;

constexpr const char* kRoot = "0";
constexpr const char* kNobody = "65534";

class Conformance : public MountedCloud, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    MountedCloud::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
    std::filesystem::create_directory(scratch_);
    ASSERT_EQ(::chmod(scratch_.c_str(), 01777), 0);
  }
  Result table(const std::string& kind, const std::string& directory) {
    return run(GLANCEFS_CONFORMANCE " " + kind + " " + directory + " " + scratch_ + " " +
               GetParam());
  }
  void expect_of_mount(const std::string& options) {
    add("image", content());
    for (int i = 0; i < kOthers; ++i) add(other(i), "x");
    mount("allow-other,upload-delay=3600," + options);
    const Result result = table("mounted", mount_point_ + "/private");
    EXPECT_EQ(result.code, 0) << result.output;
    EXPECT_THAT(result.output, StartsWith("0 of "));
  }
  static std::string other(int number) {
    return (number < 10 ? "f0" : "f") + std::to_string(number);
  }

  const std::string scratch_ = directory_ / "scratch";
};

TEST_P(Conformance, OfAnOrdinaryDirectoryProvesTheTable) {
  const std::string directory = directory_ / "ordinary";
  std::filesystem::create_directory(directory);
  write_file(directory + "/image", content());
  for (int i = 0; i < kOthers; ++i) write_file(directory + "/" + other(i), "x");
  const Result result = table("ordinary", directory);
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, StartsWith("0 of "));
}

TEST_P(Conformance, OfTheMountIsTheSameButForWhatImagesCannotDo) {
  expect_of_mount("passthrough=auto");
}

TEST_P(Conformance, OfTheMountIsTheSameWithoutPassthrough) { expect_of_mount("passthrough=no"); }

INSTANTIATE_TEST_SUITE_P(By, Conformance, testing::Values(kRoot, kNobody), [](const auto& each) {
  return each.param == std::string(kRoot) ? "Root" : "Nobody";
});

}  // namespace
}  // namespace glancefs::mount_test
