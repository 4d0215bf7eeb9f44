// Programs that write over an image, under the real kernel, with and without overwrite=replace.
#include <filesystem>

#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

constexpr const char* kOld = "the old bytes";

struct Overwriter {
  const char* name;
  const char* command;  ///< brings $D/source over $M/private/a
};

void PrintTo(const Overwriter& each, std::ostream* out) { *out << each.name; }

class Replacing : public MountedCloud {
 protected:
  void SetUp() override {
    MountedCloud::SetUp();
    old_ = add("a", kOld);
    write_file(directory_ / "source", source_);
  }
  // The only active image of that name that lists show.
  std::string listed(const std::string& name) {
    std::string found;
    for (const std::string& id : cloud_.image_ids()) {
      const auto image = cloud_.image(id);
      if (image->name != name || image->hidden) continue;
      EXPECT_EQ(found, "");
      found = id;
    }
    return found;
  }
  void expect_replaced() {
    const std::string id = listed("a");
    EXPECT_NE(id, old_);
    ASSERT_NE(id, "");
    EXPECT_EQ(cloud_.image(id)->status, "active");
    EXPECT_EQ(cloud_.image(id)->os_hash_value, devcloud::Blob(source_).hashes().sha512);
    EXPECT_TRUE(cloud_.image(old_)->hidden);
    EXPECT_EQ(sh("cmp $D/source $M/private/a").code, 0);
    EXPECT_EQ(out("ls -A $M/private"), "a");
    EXPECT_EQ(pending(), "");
    EXPECT_TRUE(eventually([&] { return std::filesystem::is_empty(directory_ / "state"); }));
  }

  const std::string source_ = pattern(300'000);
  std::string old_;
};

class Overwriting : public Replacing, public testing::WithParamInterface<Overwriter> {};

TEST_P(Overwriting, ReplacesTheImageWhereThatIsAskedFor) {
  mount("overwrite=replace");
  EXPECT_EQ(read_file(mount_point_ + "/private/a"), kOld);  // the kernel has pages of it
  const Result result = sh(GetParam().command);
  EXPECT_EQ(result.code, 0) << result.output << reason("private/a");
  expect_replaced();
}

TEST_P(Overwriting, LeavesTheImageAloneOtherwise) {
  mount();
  const Result result = sh(GetParam().command);
  EXPECT_NE(result.code, 0);
  EXPECT_THAT(result.output, AnyOf(HasSubstr("Operation not permitted"), HasSubstr("File exists")));
  EXPECT_EQ(read_file(mount_point_ + "/private/a"), kOld);
  EXPECT_FALSE(cloud_.image(old_)->hidden);
}

INSTANTIATE_TEST_SUITE_P(
    Programs, Overwriting,
    testing::Values(Overwriter{"cp", "cp $D/source $M/private/a"},
                    Overwriter{"cat", "bash -c 'cat $D/source > $M/private/a'"},
                    Overwriter{"dd", "dd if=$D/source of=$M/private/a bs=64K status=none"},
                    Overwriter{"rsync", "rsync -a $D/source $M/private/a"},
                    Overwriter{"tar",
                               "cd $D && cp source a && tar cf a.tar a && "
                               "tar xf a.tar --overwrite --no-same-owner -C $M/private"},
                    Overwriter{"tee", "tee $M/private/a < $D/source > /dev/null"},
                    Overwriter{"python",
                               "python3 -c 'import shutil,sys; "
                               "shutil.copy(sys.argv[1], sys.argv[2])' "
                               "$D/source $M/private/a"}),
    [](const auto& each) { return each.param.name; });

TEST_F(Replacing, ReadersKeepTheBytesThatTheyHaveOpened) {
  mount("overwrite=replace");
  EXPECT_EQ(out("exec 7< $M/private/a && cp $D/source $M/private/a && cat <&7"), kOld);
  expect_replaced();
}

TEST_F(Replacing, MovingAnImageOverAnotherReplacesIt) {
  mount("overwrite=replace");
  EXPECT_EQ(sh("cp $D/source $M/community/b && mv $M/community/b $M/private/a").code, 0);
  expect_replaced();
  EXPECT_EQ(out("ls -A $M/community"), "");
}

TEST_F(Replacing, ARefusedUploadLeavesTheOldImageAndIsSentLater) {
  mount("overwrite=replace");
  auto fault = devcloud::answer_fault(413, R"({"message": "over the quota: 0 bytes remaining."})",
                                      {{"Content-Type", "application/json"}});
  fault.method = "PUT";
  cloud_.add_fault(fault);
  const Result result = sh("cp $D/source $M/private/a");
  EXPECT_NE(result.code, 0);
  EXPECT_THAT(result.output, HasSubstr("isk quota exceeded"));
  EXPECT_EQ(read_file(mount_point_ + "/private/a"), kOld);
  EXPECT_THAT(reason("private/a"), HasSubstr("over the quota"));
  EXPECT_EQ(cloud_.image_ids().size(), 1U);
  EXPECT_EQ(sh("cmp $D/source $M/private/a~*").code, 0);
  cloud_.clear_faults();
  EXPECT_EQ(sh("sync $M/private/a~*").code, 0);
  expect_replaced();
}

devcloud::Fault fault(const char* method, devcloud::Fault::Kind kind, std::uint64_t after = 0) {
  devcloud::Fault fault;
  fault.kind = kind;
  fault.method = method;
  fault.after = after;
  fault.times = 1;
  return fault;
}

devcloud::Fault refusal(const char* method, int status, int times, int skip = 0) {
  auto fault = devcloud::answer_fault(status, R"({"message": "no"})",
                                      {{"Content-Type", "application/json"}});
  fault.method = method;
  fault.path = std::string(method) == "POST" ? "/v2/images$" : "/v2/images/";
  fault.times = times;
  fault.skip = skip;
  return fault;
}

struct Trouble {
  const char* name;
  devcloud::Fault fault;
  const char* error;   ///< what cp says; "": nothing, it replaces the image all the same
  bool named = false;  ///< then: whether the new image has the name already
};

void PrintTo(const Trouble& each, std::ostream* out) { *out << each.name; }

class ReplacingInTrouble : public Replacing, public testing::WithParamInterface<Trouble> {};

TEST_P(ReplacingInTrouble, EndsWithOneWholeImageUnderTheName) {
  mount("overwrite=replace");
  const int id = cloud_.add_fault(GetParam().fault);
  const Result result = sh("cp $D/source $M/private/a");
  EXPECT_GT(cloud_.fault_hits(id), 0);
  if (std::string_view(GetParam().error).empty()) {
    EXPECT_EQ(result.code, 0) << result.output << reason("private/a");
    return expect_replaced();
  }
  EXPECT_NE(result.code, 0);
  EXPECT_THAT(result.output, HasSubstr(GetParam().error));
  EXPECT_FALSE(cloud_.image(old_)->hidden);
  EXPECT_EQ(read_file(mount_point_ + "/private/a"), GetParam().named ? source_ : kOld);
  EXPECT_THAT(pending(), HasSubstr("failed"));
  cloud_.clear_faults();
  unmount();
  mount("overwrite=replace");
  EXPECT_TRUE(eventually([&] { return pending().empty(); })) << pending();
  expect_replaced();
}

using Kind = devcloud::Fault::Kind;

INSTANTIATE_TEST_SUITE_P(
    Faults, ReplacingInTrouble,
    testing::Values(Trouble{"ResetInTheMiddle", fault("PUT", Kind::kRequestReset, 100'000), ""},
                    Trouble{"UploadAnswerLost", fault("PUT", Kind::kLoseAnswer), ""},
                    Trouble{"CreateUnavailable", refusal("POST", 503, 1), ""},
                    Trouble{"CreateRefused", refusal("POST", 403, -1), "Permission denied"},
                    Trouble{"NamingAnswerLost", fault("PATCH", Kind::kLoseAnswer), ""},
                    Trouble{"NamingUnavailable", refusal("PATCH", 503, -1), "Input/output error"},
                    Trouble{"NamingRefused", refusal("PATCH", 403, -1), "Permission denied"},
                    Trouble{"HidingUnavailable", refusal("PATCH", 503, -1, 1), "Input/output error",
                            true}),
    [](const auto& each) { return each.param.name; });

TEST_F(Replacing, AnImageInUseIsHiddenInsteadOfDeleted) {
  mount("overwrite=replace,replaced=delete");
  cloud_.add_fault(refusal("DELETE", 409, -1));
  EXPECT_EQ(sh("cp $D/source $M/private/a").code, 0);
  expect_replaced();
}

TEST_F(Replacing, EmptyingAnImageIsNotReplacingIt) {
  mount("overwrite=replace,upload-delay=0");
  EXPECT_EQ(sh(": > $M/private/a").code, 0);
  EXPECT_TRUE(eventually([&] { return pending().empty(); }));
  EXPECT_EQ(read_file(mount_point_ + "/private/a"), kOld);
  EXPECT_THAT(reason("private/a"), HasSubstr("an empty file replaces no image"));
}

TEST_F(Replacing, AnAliasIsRefused) {
  mount("overwrite=replace");
  const Result result = sh("cp $D/source $M/private/a~" + old_.substr(0, 8));
  EXPECT_THAT(result.output, HasSubstr("Operation not permitted"));
  EXPECT_EQ(out("ls -A $M/private"), "a");
  EXPECT_EQ(read_file(mount_point_ + "/private/a"), kOld);
}

}  // namespace
}  // namespace glancefs::mount_test
