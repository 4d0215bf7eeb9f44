// Random operations on the file system and on a model of what it means; all that can be seen of
// both is compared after each step. By hand, for longer:
//
//   GLANCEFS_MODEL_SECONDS=1800 build/dev/tests/model_test
//   GLANCEFS_MODEL_SEED=17 GLANCEFS_MODEL_RUNS=1 build/dev/tests/model_test     one run again,
//   exactly GLANCEFS_MODEL_STEPS=400                                                    of each run
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "base/log.h"
#include "tests/model/filesystem_subject.h"
#include "tests/model/mount_subject.h"
#include "tests/model/run.h"
#include "tests/support/cloud_client.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::model {
namespace {

std::uint64_t number_from(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

// A Filesystem with all that it needs. It does nothing by itself: what is due later is due never.
class WholeFilesystem {
 public:
  explicit WholeFilesystem(const devcloud::DevCloud& cloud)
      : transport_(test::CloudClient::config()),
        session_(test::cloud_of(cloud, cloud.demo()), transport_, clock_,
                 client::RetryPolicy{.attempts = 3,
                                     .first_pause = std::chrono::milliseconds(1),
                                     .longest_pause = std::chrono::milliseconds(2)}),
        glance_(session_) {}

 protected:
  static fs::Config config(const devcloud::DevCloud& cloud) {
    fs::Config config;
    config.label = "model";
    config.identity = "model";
    config.endpoint = cloud.glance_url();
    config.project_id = cloud.demo().project_id;
    config.metadata_ttl = std::chrono::hours(24);
    config.upload_delay = std::chrono::hours(1);
    config.upload_pause = std::chrono::milliseconds(1);
    config.uploads = 1;
    config.connections = 2;
    return config;
  }
  test::TemporaryDirectory place_;
  test::FakeClock clock_;
  client::CurlTransport transport_;
  client::Session session_;
  client::Glance glance_;
};

class Mounted : private WholeFilesystem, public FilesystemSubject {
 public:
  explicit Mounted(const devcloud::DevCloud& cloud)
      : WholeFilesystem(cloud),
        FilesystemSubject(config(cloud), glance_, place_ / "spools") {}
  bool skip_minute() override {
    clock_.advance(std::chrono::minutes(1));
    return true;
  }
};

void run_all(const World::Maker& make, std::uint64_t usual_seconds, std::uint64_t usual_steps) {
  const auto seconds = number_from("GLANCEFS_MODEL_SECONDS", usual_seconds);
  const auto steps = number_from("GLANCEFS_MODEL_STEPS", usual_steps);
  const auto runs = number_from("GLANCEFS_MODEL_RUNS", 1'000'000);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  std::uint64_t seed = number_from("GLANCEFS_MODEL_SEED", std::random_device{}());
  std::cout << "GLANCEFS_MODEL_SEED=" << seed << std::endl;
  std::uint64_t done = 0;
  for (; done < runs && std::chrono::steady_clock::now() < end; ++done, ++seed) {
    auto failure = run(make, seed, steps);
    if (!failure) continue;
    ADD_FAILURE() << "seed " << seed << ", step " << failure->script.size() << ": " << failure->what
                  << "\n"
                  << last_of(failure->script, 10);
    failure = shortened(make, *std::move(failure), std::chrono::seconds(20));
    FAIL() << "by fewer operations:\n" << to_string(failure->script) << failure->what;
  }
  std::cout << done * steps << " operations" << std::endl;
}

TEST(ModelTest, TheFilesystemIsWhatItMeans) {
  // Refusals by the thousand are what this is about.
  log::open("stderr", log::Level::kError);
  run_all([](devcloud::DevCloud& cloud) { return std::make_unique<Mounted>(cloud); }, 12, 400);
}

TEST(ModelTest, SoIsTheMount) {
  if (::access("/dev/fuse", R_OK | W_OK) != 0 || ::geteuid() != 0) {
    GTEST_SKIP() << "needs /dev/fuse and root";
  }
  run_all(
      [](devcloud::DevCloud& cloud) {
        return std::make_unique<MountSubject>(cloud, ",passthrough=no");
      },
      10, 150);
}

}  // namespace
}  // namespace glancefs::model
