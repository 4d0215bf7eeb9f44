// overwrite=replace, with the daemon killed at every step: both the old image and the new bytes are
// accounted for, and the next mount finishes what had begun.
#include <filesystem>
#include <iostream>

#include "tests/mount/crash_steps.h"

namespace glancefs::mount_test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

struct Replacement {
  const char* name;
  const char* command;  ///< brings $D/source over $M/private/a
  const char* options;
  bool deletes;  ///< the old image
  int stride;    ///< every so many steps are tried, unless GLANCEFS_EVERY_CRASH is set
};

void PrintTo(const Replacement& each, std::ostream* out) { *out << each.name; }

class ReplaceCrash : public CrashSteps, public testing::WithParamInterface<Replacement> {
 protected:
  // One run that dies at call number `at`; false: replacing and unmounting needed fewer.
  bool step(int at, bool torn) {
    old_id_ = add("a", kOld);
    source_ = std::to_string(at) + pattern(kSize);
    write_file(directory_ / "source", source_);
    mount_to_die(at, torn, options());
    const Result result = sh(GetParam().command);
    const bool dead = end();
    crashes_ += dead ? 1 : 0;
    if (!dead) {
      EXPECT_EQ(result.code, 0) << result.output;
    }
    check_cloud();
    if (result.code == 0) expect_replaced();
    mount_again(options());
    settle();
    check_end();
    clear();
    return dead;
  }

  std::string options() const {
    return std::string("overwrite=replace,hidden=no,") + GetParam().options;
  }

  // Images by what they hold; no other is active at any time.
  struct Seen {
    bool old_listed = false, old_there = false, new_listed = false, new_there = false;
    int images = 0;
  };
  Seen look() {
    Seen seen;
    for (const std::string& id : cloud_.image_ids()) {
      const auto image = cloud_.image(id);
      if (!image) continue;
      ++seen.images;
      if (id == old_id_) {
        seen.old_there = true;
        seen.old_listed = !image->hidden;
        EXPECT_EQ(image->name, "a");
        EXPECT_TRUE(image->data != nullptr && image->data->size() == std::string(kOld).size());
      } else if (image->status == "active") {
        seen.new_there = true;
        seen.new_listed = !image->hidden && image->name == "a";
        EXPECT_EQ(image->os_hash_value, devcloud::Blob(source_).hashes().sha512);
      }
    }
    return seen;
  }

  // Whoever asks for the name finds an image, whole, whenever it is.
  void check_cloud() {
    const Seen seen = look();
    EXPECT_TRUE(seen.old_listed || seen.new_listed);
    EXPECT_TRUE(seen.old_there || (GetParam().deletes && seen.new_listed));
  }

  void expect_replaced() {
    const Seen seen = look();
    EXPECT_TRUE(seen.new_listed);
    EXPECT_FALSE(seen.old_listed);
    EXPECT_NE(seen.old_there, GetParam().deletes);
  }

  // Waits until the mount does nothing more by itself; what is unfinished is sent or removed.
  void settle() {
    const std::string left = settled();
    if (left.empty()) {
      ++(look().new_listed ? finished_ : untouched_);
      return;
    }
    ++unfinished_;
    EXPECT_EQ(read_file(mount_point_ + "/private/a"), kOld) << "the name is the old image's still";
    const std::string file = left.substr(8, left.find("  ") - 8);  // after "private/"
    const std::string bytes = read_file(mount_point_ + "/private/" + file);
    EXPECT_TRUE(source_.starts_with(bytes));
    if (bytes != source_) {
      EXPECT_EQ(sh("rm $M/private/" + file).code, 0);
    } else {
      send(file, "a");
      expect_replaced();
    }
  }

  void check_end() {
    check_cloud();
    const Seen seen = look();
    EXPECT_NE(seen.old_listed, seen.new_listed) << "one image has the name";
    EXPECT_EQ(seen.images, (seen.old_there ? 1 : 0) + (seen.new_there ? 1 : 0));
    EXPECT_EQ(out("ls -A $M/private"), "a");
    EXPECT_EQ(read_file(mount_point_ + "/private/a"), seen.new_listed ? source_ : kOld);
    EXPECT_TRUE(eventually([&] { return std::filesystem::is_empty(directory_ / "state"); }));
    EXPECT_EQ(pending(), "");
  }

  void run(bool torn) {
    for_each_step(GetParam().stride, torn, [&](int at) { return step(at, torn); });
    std::cout << GetParam().name << ": crashes " << crashes_ << "; afterwards replaced "
              << finished_ << ", unfinished " << unfinished_ << ", as before " << untouched_
              << "\n";
    EXPECT_GT(finished_, 0);
    EXPECT_GT(unfinished_, 0);
  }

  static constexpr std::size_t kSize = 200'000;
  static constexpr const char* kOld = "the old bytes";
  std::string old_id_, source_;
  int crashes_ = 0, finished_ = 0, unfinished_ = 0, untouched_ = 0;
};

TEST_P(ReplaceCrash, AtAnyStepLosesNothing) { run(false); }

TEST_P(ReplaceCrash, InTheMiddleOfAnyWriteLosesNothing) { run(true); }

constexpr const char* kCopy = "cp $D/source $M/private/a";
constexpr const char* kSync = "rsync -aX $D/source $M/private/a";

INSTANTIATE_TEST_SUITE_P(
    Writers, ReplaceCrash,
    testing::Values(Replacement{"cp", kCopy, "passthrough=no", false, 7},
                    Replacement{"cp_delete", kCopy, "passthrough=no,replaced=delete", true, 7},
                    Replacement{"kernel_cp", kCopy, "passthrough=auto", false, 7},
                    Replacement{"rsync", kSync, "passthrough=no", false, 9}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace glancefs::mount_test
