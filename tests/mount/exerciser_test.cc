// Random operations of several threads on files in the mount, each compared with a model in memory,
// and what comes to Glance with it. By hand, for longer (`seed` repeats what one thread did):
//
//   GLANCEFS_EXERCISE='seconds=600' build/dev/tests/exerciser_test
//   GLANCEFS_EXERCISE='seed=17 threads=1 operations=100000' build/dev/tests/exerciser_test
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <thread>

#include "tests/mount/exercised_file.h"
#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using Clock = std::chrono::steady_clock;

struct Plan {
  std::uint64_t seed = std::random_device{}();
  unsigned threads = 4;
  std::uint64_t operations = 1500;  ///< of each thread; no limit where there are seconds
  std::chrono::seconds time{0};
};

Plan plan() {
  Plan plan;
  const char* const words = std::getenv("GLANCEFS_EXERCISE");
  std::istringstream text(words == nullptr ? "" : words);
  for (std::string word; text >> word;) {
    const std::size_t mark = word.find('=');
    const std::string name = word.substr(0, mark);
    const std::uint64_t value = std::stoull(word.substr(mark + 1));
    if (name == "seed") plan.seed = value;
    if (name == "threads") plan.threads = static_cast<unsigned>(value);
    if (name == "operations") plan.operations = value;
    if (name == "seconds") plan.time = std::chrono::seconds(value);
  }
  return plan;
}

class Exerciser : public MountedCloud {
 protected:
  /// One thread's work: a few files, one operation after the other on any of them.
  void exercise(const Plan& plan, unsigned thread) {
    constexpr std::size_t kFiles = 3;
    Dice dice(plan.seed + thread);
    std::vector<std::unique_ptr<ExercisedFile>> files;
    for (std::size_t i = 0; i < kFiles; ++i) {
      const std::string name = "t" + std::to_string(thread) + "f" + std::to_string(i);
      files.push_back(std::make_unique<ExercisedFile>(mount_point_, name, cloud_, dice));
    }
    const auto end = Clock::now() + plan.time;
    try {
      for (std::uint64_t done = 0; !failed_; ++done) {
        if (plan.time.count() > 0 ? Clock::now() >= end : done >= plan.operations) break;
        files.at(dice.below(kFiles))->step();
        ++operations_;
      }
      for (const auto& file : files) file->finish();
    } catch (const std::exception& error) {
      failed_ = true;
      ADD_FAILURE() << "seed " << plan.seed << ", thread " << thread << ": " << error.what();
    }
  }

  std::atomic<std::uint64_t> operations_{0};
  std::atomic<bool> failed_{false};
};

TEST_F(Exerciser, FilesAreWhatWasWritten) {
  // Not into the pipe, which nobody empties meanwhile.
  const std::string log = directory_ / "log";
  mount("log=" + log);
  const Plan wanted = plan();
  std::cout << "seed=" << wanted.seed << " threads=" << wanted.threads << std::endl;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < wanted.threads; ++i) {
    threads.emplace_back([this, &wanted, i] { exercise(wanted, i); });
  }
  for (std::thread& thread : threads) thread.join();
  std::cout << operations_ << " operations, " << cloud_.requests("PUT", "/v2/images/{id}/file")
            << " uploads" << std::endl;
  EXPECT_EQ(out("cat $M/.glancefs/pending"), "");
  EXPECT_EQ(cloud_.image_ids().size(), 0U) << "all of them were removed";
  EXPECT_EQ(out("ls -A $D/state"), "") << "no spool is left";
  if (HasFailure()) std::cout << read_file(log) << std::endl;
}

}  // namespace
}  // namespace glancefs::mount_test
