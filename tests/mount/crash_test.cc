// The daemon is killed at every step of a write, one step after the other: no byte is lost, none is
// wrong, nothing is left over.
#include <filesystem>
#include <iostream>

#include "tests/mount/crash_steps.h"

namespace glancefs::mount_test {
namespace {

using testing::HasSubstr;

struct Workload {
  const char* name;
  const char* command;      ///< brings $D/source to $M/private/$N
  bool in_order;            ///< whether an unfinished file holds the source's beginning
  bool sends;               ///< whether its success says that the image is at Glance
  const char* passthrough;  ///< with it most writes are the kernel's, and only the rest are steps
  int stride;               ///< every so many steps are tried, unless GLANCEFS_EVERY_CRASH is set
};

// What has become of the file when the next mount has done what it does by itself.
enum class Fate { kNothing, kUnfinished, kActive };

void PrintTo(const Workload& each, std::ostream* out) { *out << each.name; }

class Crash : public CrashSteps, public testing::WithParamInterface<Workload> {
 protected:
  struct Counts {
    int runs = 0, crashes = 0, succeeded = 0, resumed = 0, unfinished = 0, all_there = 0,
        nothing = 0;
  };

  void run(bool torn) {
    for_each_step(GetParam().stride, torn, [&](int at) { return step(at, torn); });
    std::cout << GetParam().name << ": runs " << counts_.runs << ", crashes " << counts_.crashes
              << "; the program had succeeded " << counts_.succeeded << ", the next mount resumed "
              << counts_.resumed << ", kept unfinished " << counts_.unfinished
              << " (of which all bytes were there " << counts_.all_there << ")"
              << ", nothing had been written " << counts_.nothing << "\n";
    EXPECT_GT(counts_.resumed + (GetParam().sends ? 0 : counts_.succeeded), 0);
    EXPECT_GT(counts_.unfinished, 0);
  }

  // One run that dies at call number `at`; false: the workload and the unmount needed fewer.
  bool step(int at, bool torn) {
    ++counts_.runs;
    name_ = GetParam().name + std::to_string(at);
    source_ = name_ + pattern(kSize);
    write_file(directory_ / "source", source_);
    mount_to_die(at, torn, std::string("passthrough=") + GetParam().passthrough);
    const Result result = sh("N=" + name_ + "; " + GetParam().command);
    const bool dead = end();
    if (!dead) {
      EXPECT_EQ(result.code, 0) << result.output;
    }
    if (dead) ++counts_.crashes;
    const bool succeeded = result.code == 0;
    check_cloud(succeeded && GetParam().sends);
    const bool had_bytes = spooled_bytes() > 0;
    mount_again();
    const Fate fate = settle();
    if (succeeded && GetParam().sends) {
      EXPECT_EQ(fate, Fate::kActive) << result.output;
    }
    if (succeeded || had_bytes) {
      EXPECT_NE(fate, Fate::kNothing);
    }
    count(fate, succeeded);
    if (fate == Fate::kUnfinished) finish_or_remove(succeeded);
    check_end();
    clear();
    return dead;
  }

  // No image has wrong bytes at any time, and success was no lie.
  void check_cloud(bool succeeded) {
    int active = 0;
    for (const std::string& id : cloud_.image_ids()) {
      const auto image = cloud_.image(id);
      if (!image || image->status != "active") continue;
      ++active;
      EXPECT_EQ(image->name, name_);
      EXPECT_TRUE(image->data != nullptr && image->data->size() == source_.size() &&
                  image->os_hash_value == devcloud::Blob(source_).hashes().sha512);
    }
    EXPECT_LE(active, 1);
    if (succeeded) {
      EXPECT_EQ(active, 1);
    }
  }

  std::uint64_t spooled_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& file : std::filesystem::directory_iterator(directory_ / "state")) {
      if (file.path().extension() == ".data") bytes += file.file_size();
    }
    return bytes;
  }

  // Waits until the mount does nothing more by itself.
  Fate settle() {
    if (!settled().empty()) return Fate::kUnfinished;
    return cloud_.image_ids().empty() ? Fate::kNothing : Fate::kActive;
  }

  void count(Fate fate, bool succeeded) {
    if (succeeded) {
      ++counts_.succeeded;
    } else if (fate == Fate::kActive) {
      ++counts_.resumed;
    } else {
      ++(fate == Fate::kUnfinished ? counts_.unfinished : counts_.nothing);
    }
  }

  // What the journal cannot know to be whole is there, and does what it is told.
  void finish_or_remove(bool complete) {
    EXPECT_EQ(cloud_.image_ids().size(), 0U) << "nobody has said that it is whole";
    const std::string file = out("cd $M/private && ls -A");
    const std::string bytes = read_file(mount_point_ + "/private/" + file);
    const bool local = file.starts_with('.');
    EXPECT_TRUE(local || file == name_) << file;
    EXPECT_THAT(pending(), HasSubstr(local ? "stays here" : "unfinished"));
    if (GetParam().in_order) {
      EXPECT_TRUE(source_.starts_with(bytes)) << bytes.size();
    }
    if (complete) {
      EXPECT_EQ(bytes.size(), source_.size());
    }
    if (bytes != source_) {
      EXPECT_EQ(sh("rm $M/private/" + file).code, 0);
    } else {
      send(file, name_);
      ++counts_.all_there;
      check_cloud(true);
    }
  }

  void check_end() {
    EXPECT_LE(cloud_.image_ids().size(), 1U);
    for (const std::string& id : cloud_.image_ids()) EXPECT_EQ(cloud_.image(id)->status, "active");
    check_cloud(false);
    if (!cloud_.image_ids().empty()) {
      EXPECT_EQ(sh("cmp $D/source $M/private/" + name_).code, 0);
    }
    EXPECT_TRUE(eventually([&] { return std::filesystem::is_empty(directory_ / "state"); }));
    EXPECT_EQ(pending(), "");
  }

  static constexpr std::size_t kSize = 300'000;
  std::string name_;
  std::string source_;
  Counts counts_;
};

TEST_P(Crash, AtAnyStepLosesNothing) { run(false); }

TEST_P(Crash, InTheMiddleOfAnyWriteLosesNothing) { run(true); }

// As qemu-img convert: read-write, opened again and again, in no order. The close of such a file
// sends nothing.
constexpr const char* kRandom =
    "for i in 4 3 2 1 0; do dd if=$D/source bs=64K seek=$i skip=$i count=1 conv=notrunc "
    "status=none "
    "1<>$M/private/$N || exit 1; done";

INSTANTIATE_TEST_SUITE_P(
    Writers, Crash,
    testing::Values(Workload{"cp", "cp $D/source $M/private/$N", true, true, "no", 5},
                    Workload{"rsync", "rsync -aX $D/source $M/private/$N", true, true, "no", 7},
                    Workload{"random", kRandom, false, false, "no", 7},
                    Workload{"kernel_cp", "cp $D/source $M/private/$N", true, true, "auto", 5},
                    Workload{"kernel_random", kRandom, false, false, "auto", 7}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace glancefs::mount_test
