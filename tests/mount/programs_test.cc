// Programs that write images: each writes into the mount what it writes into an ordinary directory,
// is uploaded when the list says so, and hears of what Glance refuses the way the list says.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <regex>
#include <set>

#include "tests/mount/mounted_cloud.h"
#include "tests/mount/program_list.h"

namespace glancefs::mount_test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

constexpr const char* kQuota = "exceed the limit. 3 bytes remaining";

class Programs : public MountedCloud, public testing::WithParamInterface<Program> {
 protected:
  void SetUp() override {
    MountedCloud::SetUp();
    if (IsSkipped()) return;
    std::istringstream needs(GetParam().needs);
    for (std::string need; needs >> need;) {
      if (sh("command -v " + need).code != 0) GTEST_SKIP() << need << " is not installed";
    }
    write_file(source_, sample());
    std::filesystem::create_directory(ordinary_);
  }

  /// Random bytes with zeros among them and at the end: 3 MiB.
  static std::string sample() {
    constexpr std::size_t kPart = 512UL * 1024;
    std::string bytes(6 * kPart, '\0');
    std::mt19937_64 random(20261126);
    for (const std::size_t part : {0UL, 1UL, 3UL}) {
      for (std::size_t at = part * kPart; at < (part + 1) * kPart; ++at) {
        bytes[at] = static_cast<char>(random());
      }
    }
    return bytes;
  }

  /// Of the last run.
  std::string scratch() const { return directory_ / ("scratch" + std::to_string(runs_)); }

  /// The command, with $T as `target`.
  Result write_into(const std::string& target) {
    ++runs_;
    std::filesystem::create_directory(scratch());
    return run("exec bash -c \"$COMMAND\"", {{"COMMAND", "set -o pipefail; " + GetParam().command},
                                             {"S", source_},
                                             {"T", target},
                                             {"W", scratch()},
                                             {"LC_ALL", "C.UTF-8"}});
  }

  /// What the program leaves in an ordinary directory, by name.
  std::map<std::string, std::string> written() {
    std::map<std::string, std::string> files;
    for (const auto& file : std::filesystem::directory_iterator(ordinary_)) {
      files[file.path().filename()] = read_file(file.path());
    }
    return files;
  }

  /// Without what is new in every file that qemu-img writes: the content id of VMDK, of 8 digits or
  /// fewer, in a text that NULs fill up.
  static std::string comparable(const std::string& bytes) {
    constexpr std::size_t kHead = 4096;
    std::string head = bytes.substr(0, kHead);
    if (head.find("# Disk DescriptorFile") == std::string::npos) return bytes;
    const std::string rest = bytes.substr(head.size());
    head = std::regex_replace(head, std::regex("CID=[0-9a-f]+"), "CID=");
    std::erase(head, '\0');
    return head + rest;
  }

  /// Where two files differ, for people; "": nowhere.
  static std::string difference(const std::string& left, const std::string& right) {
    if (left == right) return {};
    const auto [at, other] = std::mismatch(left.begin(), left.end(), right.begin(), right.end());
    return fmt::format("{} and {} bytes that differ at {}", left.size(), right.size(),
                       at - left.begin());
  }

  /// Whether the program cleans up after an error that it has heard of.
  static bool removes_what_failed() {
    static const std::set<std::string> kNames{"rclone", "rsync"};
    return kNames.contains(GetParam().name);
  }

  /// What is in the directory of the mount.
  std::vector<std::string> names() {
    std::istringstream listed(out("ls $M/private"));
    std::vector<std::string> names;
    for (std::string name; listed >> name;) names.push_back(name);
    return names;
  }

  bool at_glance(const std::string& name) {
    const auto image = cloud_.image(id_of(name));
    return image && image->status == "active";
  }

  std::string bytes_at_glance(const std::string& name) {
    const auto image = cloud_.image(id_of(name));
    if (!image || !image->data) return "none";
    std::string bytes(image->data->size(), '\0');
    image->data->read(0, bytes);
    return bytes;
  }

  int refuse_data() {
    devcloud::Fault fault =
        devcloud::answer_fault(413, std::string(R"({"message": ")") + kQuota + "\"}",
                               {{"Content-Type", "application/json"}});
    fault.method = "PUT";
    return cloud_.add_fault(fault);
  }

  const std::string source_ = directory_ / "source";
  const std::string ordinary_ = directory_ / "ordinary";
  const std::string private_ = mount_point_ + "/private";

 private:
  int runs_ = 0;
};

class Writing : public Programs {};

TEST_P(Writing, GivesTheBytesOfAnOrdinaryFile) {
  const Result before = write_into(ordinary_);
  ASSERT_EQ(before.code, 0) << before.output;
  const auto files = written();
  ASSERT_FALSE(files.empty());
  mount();
  const Result result = write_into(private_);
  ASSERT_EQ(result.code, 0) << result.output << daemon_->output();
  for (const auto& [name, bytes] : files) {
    if (GetParam().when == "delay") {
      ASSERT_TRUE(cloud_.wait_until([&, &file = name] { return at_glance(file); })) << name;
    }
    EXPECT_TRUE(at_glance(name)) << name;
    const std::string uploaded = bytes_at_glance(name);
    EXPECT_EQ(difference(comparable(uploaded), comparable(bytes)), "") << name;
    EXPECT_TRUE(read_file(private_ + "/" + name) == uploaded) << "what was written is here already";
  }
  EXPECT_EQ(cloud_.image_ids().size(), files.size());
  EXPECT_EQ(cloud_.requests("GET", "/v2/images/{id}/file"), 0U);
}

TEST_P(Writing, HearsOfARefusal) {
  const std::string& when = GetParam().when;
  ASSERT_EQ(write_into(ordinary_).code, 0);
  const auto files = written();
  mount();
  const int refusal = refuse_data();
  const Result result = write_into(private_);
  if (when == "close" || when == "rename") {
    EXPECT_NE(result.code, 0) << result.output;
    EXPECT_THAT(result.output, AnyOf(HasSubstr("isk quota exceeded"),
                                     HasSubstr("curl: (23) Failed writing body")));
  } else {
    EXPECT_EQ(result.code, 0) << result.output;
  }
  ASSERT_TRUE(cloud_.wait_until([&] { return cloud_.fault_hits(refusal) > 0; }));
  for (const auto& [name, bytes] : files) {
    if (removes_what_failed()) {
      EXPECT_NE(sh("test -e $M/private/" + name).code, 0);
      continue;
    }
    if (GetParam().name == "split" && name != "part.aa") continue;  // it went no further
    EXPECT_EQ(sh("until grep -q 'private/" + name + "  failed.*" + kQuota +
                 "' $M/.glancefs/pending; do sleep 0.02; done")
                  .code,
              0);
    EXPECT_THAT(reason("private/" + name), HasSubstr(kQuota));
    EXPECT_EQ(difference(comparable(read_file(private_ + "/" + name)), comparable(bytes)), "")
        << "the bytes are kept";
    const Result again = sh("sync $M/private/" + name);
    EXPECT_EQ(again.code, 1);
    EXPECT_THAT(again.output, HasSubstr("Disk quota exceeded"));
  }
  EXPECT_EQ(std::filesystem::exists(scratch() + "/moved"), GetParam().name == "mv");
  EXPECT_EQ(cloud_.image_ids().size(), 0U) << "nothing half is left at Glance";
  cloud_.clear_faults();
  for (const std::string& name : names()) {
    EXPECT_EQ(sh("sync $M/private/" + name).code, 0);
    EXPECT_TRUE(at_glance(name)) << name;
  }
}

class Refused : public Programs {};

TEST_P(Refused, LeavesTheImageAlone) {
  mount();
  const Result result = write_into(private_);
  EXPECT_NE(result.code, 0);
  EXPECT_THAT(result.output, AnyOf(HasSubstr("Operation not permitted"), HasSubstr("File exists")));
  EXPECT_TRUE(bytes_at_glance("a") == sample());
  EXPECT_EQ(cloud_.image_ids().size(), 1U);
  EXPECT_EQ(out("ls $M/private"), "a");
}

std::vector<Program> programs(bool refused) {
  std::vector<Program> chosen = load_programs(GLANCEFS_PROGRAM_LIST);
  std::erase_if(chosen,
                [&](const Program& program) { return (program.when == "refused") != refused; });
  return chosen;
}

std::string name_of(const testing::TestParamInfo<Program>& each) { return each.param.name; }

INSTANTIATE_TEST_SUITE_P(Program, Writing, testing::ValuesIn(programs(false)), name_of);
INSTANTIATE_TEST_SUITE_P(Program, Refused, testing::ValuesIn(programs(true)), name_of);

}  // namespace
}  // namespace glancefs::mount_test
