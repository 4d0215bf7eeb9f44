// Several writers, and a daemon that is killed again and again at random moments: what a program
// was told to be done is done, and nothing half done is seen.
//
//   GLANCEFS_KILLS=200      how often (10)
//   GLANCEFS_SEED=N         of a run to be repeated as far as chance allows; printed
//   GLANCEFS_EXTERNAL=1     on the cloud that the environment's OS_* name, instead of our own
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <random>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "cache/digest.h"
#include "cache/spool_journal.h"
#include "tests/mount/mounted_cloud.h"

extern char** environ;

namespace glancefs::mount_test {
namespace {

constexpr int kWriters = 4;

std::uint64_t number_from(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

// What is known of one file. Its bytes follow from the seed and `key`.
struct File {
  std::string key;
  std::vector<std::string> names;  ///< one of them it has
  bool certain = false;            ///< a program was told that it is there
  bool may_be_gone = false;        ///< a rm was cut short
  std::string distro;              ///< user.glance.os_distro that was set; "": none
  std::string history;             ///< what was done to it, for people
};

class RandomKills : public MountedCloud {
 protected:
  using Random = std::mt19937_64;
  struct Counts {
    std::atomic<std::uint64_t> kills{0};
    std::uint64_t in_flight = 0, unfinished = 0, lost = 0, half_visible = 0;
    std::atomic<std::uint64_t> done{0}, failed{0};
  };

  void SetUp() override {
    MountedCloud::SetUp();
    external_ = std::getenv("GLANCEFS_EXTERNAL") != nullptr;
    for (char** entry = environ; external_ && *entry != nullptr; ++entry) {
      const std::string text(*entry);
      if (text.starts_with("OS_")) {
        daemon_environment_[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
      }
    }
    prefix_ = "k" + std::to_string(seed_) + "-";
  }

  std::string bytes_of(const std::string& key) const {
    Random random(seed_ ^ std::hash<std::string>{}(key));
    std::string bytes(1 + random() % kLargest, '\0');
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      const std::uint64_t word = random();
      std::memcpy(bytes.data() + at, &word, sizeof word);
    }
    return bytes;
  }
  std::string hash_of(const std::string& key) const {
    auto hasher = cache::Hasher::create("sha512");
    const std::string bytes = bytes_of(key);
    hasher->update(std::as_bytes(std::span(bytes)));
    return hasher->finish().hex;
  }

  // One writer: its files, one after the other, until the end.
  void write_files(int writer, std::vector<File>& files) {
    Random random(seed_ + static_cast<std::uint64_t>(writer) + 1);
    for (int i = 0; !ending_; ++i) {
      wait_for_mount();
      const auto choice = random() % 8;
      if (choice < 5 || files.empty()) {
        write_one(prefix_ + std::to_string(writer) + "-" + std::to_string(i), choice, files);
      } else {
        change_one(files.at(random() % files.size()), choice);
      }
    }
  }

  void write_one(const std::string& name, std::uint64_t choice, std::vector<File>& files) {
    const std::string source = directory_ / name;
    write_file(source, bytes_of(name));
    // Without exec the shell would close the file, and keep an error to itself.
    static constexpr std::array kPrograms{"cp S T", "dd if=S of=T bs=64K status=none",
                                          "rsync -aX S T", "mv S T", "exec cat S > T"};
    std::string line = kPrograms.at(choice % kPrograms.size());
    line.replace(line.find('S'), 1, source);
    line.replace(line.rfind('T'), 1, mount_point_ + "/private/" + name);
    File file;
    file.key = name;
    file.names = {name};
    file.certain = told(file, "[ -d $M/private ] && " + line);
    file.may_be_gone = !file.certain;
    files.push_back(std::move(file));
    std::filesystem::remove(source);
  }

  void change_one(File& file, std::uint64_t choice) {
    if (!file.certain || file.names.size() > 1) return;
    const std::string path = mount_point_ + "/private/" + file.names.front();
    if (choice == 5) {
      const std::string next = file.names.front() + "r";
      file.names.push_back(next);
      const bool done = told(file, "mv " + path + " " + mount_point_ + "/private/" + next);
      if (done) file.names = {next};
    } else if (choice == 6) {
      file.may_be_gone = true;
      file.certain = false;
      if (told(file, "rm " + path)) file.names.clear();
    } else if (told(file, "setfattr -n user.glance.os_distro -v " + file.key + " " + path)) {
      file.distro = file.key;
    }
  }

  // Whether the program says that it has done it.
  bool told(File& file, const std::string& line) {
    const std::uint64_t before = counts_.kills;
    const Result result = sh(line, std::chrono::seconds(120));
    const bool done = result.code == 0;
    file.history += "\n  after kill " + std::to_string(before) + ": " + line + ": " +
                    std::to_string(result.code) + " (kills: " + std::to_string(counts_.kills) +
                    ") " + result.output;
    ++(done ? counts_.done : counts_.failed);
    const Lock lock(mutex_);
    ++operations_;
    changed_.notify_all();
    return done;
  }

  void wait_for_mount() {
    const Lock lock(mutex_);
    while (!mounted_ && !ending_) changed_.wait(mutex_);
  }
  void set_mounted(bool mounted) {
    const Lock lock(mutex_);
    mounted_ = mounted;
    changed_.notify_all();
  }

  // Any moment at all, but near the beginning of something rather than in idleness.
  void wait_for_a_moment(Random& random) {
    if (external_) {
      const Lock lock(mutex_);
      const std::uint64_t wanted = operations_ + random() % 6;
      const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (operations_ < wanted && changed_.wait_until(mutex_, limit)) {
      }
    } else {
      const std::size_t wanted = cloud_.requests() + 1 + random() % 40;
      cloud_.wait_until([&] { return cloud_.requests() >= wanted; });
    }
    std::this_thread::sleep_for(
        std::chrono::microseconds(random() % (external_ ? 200'000 : 20'000)));
  }

  void kill_and_mount() {
    set_mounted(false);
    kill_daemon();
    EXPECT_FALSE(std::filesystem::exists(mount_point_ + "/private"));
    ++counts_.kills;
    if (uploads_in_journal() > 0) ++counts_.in_flight;
    mount();
    set_mounted(true);
  }

  int uploads_in_journal() {
    int found = 0;
    for (const auto& file : std::filesystem::directory_iterator(directory_ / "state")) {
      if (file.path().extension() != ".record") continue;
      const auto record = cache::decode(read_file(file.path()));
      found += record && record->state == cache::SpoolState::kUploading ? 1 : 0;
    }
    return found;
  }

  // What programs left half done is here and nowhere else.
  void remove_unfinished() {
    std::istringstream lines(pending());
    for (std::string line; std::getline(lines, line);) {
      const bool sends_itself = line.find("  waiting  ") != std::string::npos ||
                                line.find("  uploading  ") != std::string::npos ||
                                line.find("  being written  ") != std::string::npos;
      if (sends_itself) continue;
      EXPECT_TRUE(line.find("  unfinished  ") != std::string::npos ||
                  line.find("  stays here  ") != std::string::npos ||
                  line.find("  failed  ") != std::string::npos)
          << line;
      EXPECT_EQ(sh("rm $M/" + line.substr(0, line.find("  "))).code, 0) << line;
      ++counts_.unfinished;
    }
  }

  // The mount as somebody sees it who was not here before: nothing comes from the cache.
  void mount_afresh() {
    unmount();
    std::filesystem::remove_all(directory_ / "cache");
    mount("metadata-ttl=1");
    // A spool goes after its line; and one that the kernel held for the dead mount comes late.
    EXPECT_TRUE(eventually([&] {
      remove_unfinished();
      return std::filesystem::is_empty(directory_ / "state");
    })) << pending();
    EXPECT_EQ(sh("setfattr -n user.glancefs.refresh -v 1 $M/private").code, 0);
  }

  std::string field(const std::string& name, const char* key) {
    return sh("getfattr --absolute-names --only-values -n user.glance." + std::string(key) +
              " $M/private/" + name + " 2>/dev/null")
        .output;
  }

  void check(const std::vector<File>& files) {
    std::set<std::string> listed;
    std::istringstream lines(out("ls -A $M/private"));
    for (std::string name; std::getline(lines, name);) {
      if (name.starts_with(prefix_)) listed.insert(name);
    }
    for (const File& file : files) {
      std::vector<std::string> here;
      for (const std::string& name : file.names) {
        if (listed.erase(name) > 0) here.push_back(name);
      }
      EXPECT_LE(here.size(), 1U) << file.key;
      if (here.empty()) {
        if (file.certain) ++counts_.lost;
        EXPECT_FALSE(file.certain) << file.key << " is lost" << file.history;
        continue;
      }
      check_image(here.front(), file);
    }
    for (const std::string& name : listed) ADD_FAILURE() << name << " was removed, or never made";
  }

  void check_image(const std::string& name, const File& file) {
    const std::string expected = hash_of(file.key);
    const bool right = field(name, "status") == "active" &&
                       field(name, "os_hash_value") == expected &&
                       out("sha512sum < $M/private/" + name).substr(0, expected.size()) == expected;
    if (!right) ++(file.certain ? counts_.lost : counts_.half_visible);
    EXPECT_TRUE(right) << name << " is " << field(name, "status");
    if (!file.distro.empty()) {
      EXPECT_EQ(field(name, "os_distro"), file.distro);
    }
    EXPECT_EQ(sh("rm $M/private/" + name).code, 0);
  }

  static constexpr std::uint64_t kLargest = 1'000'000;
  const std::uint64_t seed_ = number_from("GLANCEFS_SEED", std::random_device{}());
  bool external_ = false;
  std::string prefix_;
  Counts counts_;
  std::atomic<bool> ending_{false};
  Mutex mutex_;
  Condition changed_;
  bool mounted_ GUARDED_BY(mutex_) = false;
  std::uint64_t operations_ GUARDED_BY(mutex_) = 0;
};

TEST_F(RandomKills, LoseNothingAndShowNothingHalf) {
  const std::uint64_t kills = number_from("GLANCEFS_KILLS", 10);
  std::cout << "seed " << seed_ << "\n";
  mount();
  set_mounted(true);
  std::array<std::vector<File>, kWriters> files;
  std::vector<std::jthread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] { write_files(i, files.at(static_cast<std::size_t>(i))); });
  }
  Random random(seed_);
  while (counts_.kills < kills && !HasFatalFailure()) {
    wait_for_a_moment(random);
    kill_and_mount();
  }
  ending_ = true;
  set_mounted(true);
  writers.clear();
  mount_afresh();
  std::vector<File> all;
  for (const auto& each : files) all.insert(all.end(), each.begin(), each.end());
  check(all);
  const auto certain = std::ranges::count_if(all, &File::certain);
  std::cout << "kills " << counts_.kills << " (in the middle of an upload " << counts_.in_flight
            << "), operations done " << counts_.done << ", cut short " << counts_.failed
            << ", files " << all.size() << ", certain " << certain << ", kept unfinished "
            << counts_.unfinished << ", lost " << counts_.lost << ", half visible "
            << counts_.half_visible << "\n";
  EXPECT_GT(certain, 0);
  EXPECT_GT(counts_.in_flight, 0U);
  if (!external_) {
    EXPECT_EQ(cloud_.image_ids().size(), 0U) << "something without a name is left";
  }
}

}  // namespace
}  // namespace glancefs::mount_test
