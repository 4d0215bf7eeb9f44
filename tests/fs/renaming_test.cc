// rename(2): what becomes of name and visibility, what is refused, and that a refusal changes
// nothing.
#include <filesystem>
#include <map>
#include <thread>

#include "client/http.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::HttpError;
using client::Operation;
using client::Status;
using client::Visibility;
using test::FakeImages;
using Call = FakeImages::Call;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class Renaming : public RigTest {
 protected:
  Renaming() {
    id_ = rig_.images.add("a", "data").id;
    rig_.start();
    node_ = rig_.node("private", "a");
  }
  NodeId directory(const std::string& name = "private") { return rig_.directory_node(name); }
  client::Image image() { return rig_.images.find(id_).value(); }
  int rename_error(const std::string& from, const std::string& to, unsigned flags = 0) {
    return errno_thrown([&] { files().rename(directory(), from, directory(), to, flags, {}); });
  }
  std::string reason(NodeId node) {
    return files().xattr(node, "user.glancefs.error").value_or("");
  }

  std::string id_;
  NodeId node_ = 0;
};

TEST_F(Renaming, ChangesTheName) {
  EXPECT_EQ(rename_error("a", "b"), 0);
  EXPECT_EQ(image().name, "b");
  EXPECT_THAT(rig_.names("private"), ElementsAre("b"));
  EXPECT_EQ(rig_.node("private", "b"), node_);
}

TEST_F(Renaming, ChangesVisibilityAndNameInOneRequest) {
  files().rename(directory(), "a", directory("community"), "b", 0, {});
  EXPECT_EQ(image().visibility, Visibility::kCommunity);
  EXPECT_EQ(image().name, "b");
  EXPECT_EQ(rig_.images.calls(Call::kUpdate), 1);
}

TEST_F(Renaming, PublishingNeedsAnAdministrator) {
  EXPECT_EQ(
      errno_thrown([&] { files().rename(directory(), "a", directory("public"), "a", 0, {}); }),
      EACCES);
  EXPECT_THAT(rig_.names("private"), ElementsAre("a"));
}

TEST_F(Renaming, ASlashInAnImagesNameIsEscapedBothWays) {
  EXPECT_EQ(rename_error("a", "dir%2Fa"), 0);
  EXPECT_EQ(image().name, "dir/a");
  EXPECT_THAT(rig_.names("private"), ElementsAre("dir%2Fa"));
}

struct Refusal {
  const char* name;
  std::string from_directory, from, to_directory, to;
  unsigned flags;
  int error;
};

void PrintTo(const Refusal& each, std::ostream* out) { *out << each.name; }

class RefusedRename : public Renaming, public testing::WithParamInterface<Refusal> {
 protected:
  // "%ID%" is the image's UUID, "%ALIAS%" its first digits.
  std::string expand(std::string text) const {
    const std::map<std::string, std::string> words{{"%ID%", other_},
                                                   {"%ALIAS%", other_.substr(0, 8)}};
    for (const auto& [word, value] : words) {
      const std::size_t at = text.find(word);
      if (at != std::string::npos) text.replace(at, word.size(), value);
    }
    return text;
  }
  NodeId node_of(const std::string& name) {
    if (name == ".") return kRootNode;
    const NodeId control = files().find(kRootNode, ".glancefs")->node;
    if (name == ".glancefs") return control;
    if (name == "by-id") return files().find(control, "by-id")->node;
    return directory(name);
  }
  std::string other_ = rig_.images.add("other", "x").id;
};

TEST_P(RefusedRename, ChangesNothingAndSaysWhy) {
  rig_.images.add("theirs", "x", [](client::Image& image) {
    image.owner = "somebody";
    image.visibility = Visibility::kCommunity;
  });
  rig_.restart();
  const auto before = std::tuple(rig_.names("private"), rig_.names("community"));
  const NodeId from = node_of(GetParam().from_directory);
  const std::string name = expand(GetParam().from);
  const auto source = files().find(from, name);
  EXPECT_EQ(errno_thrown([&] {
              files().rename(from, name, node_of(GetParam().to_directory), expand(GetParam().to),
                             GetParam().flags, {});
            }),
            GetParam().error);
  EXPECT_EQ(std::tuple(rig_.names("private"), rig_.names("community")), before);
  EXPECT_EQ(rig_.images.calls(Call::kUpdate), 0);
  EXPECT_NE(reason(from), "");
  if (source && source->node != 0 && from != kRootNode && name != "status") {
    EXPECT_NE(reason(source->node), "");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, RefusedRename,
    testing::Values(
        Refusal{"Taken", "private", "a", "private", "other", 0, EEXIST},
        Refusal{"NoReplace", "private", "a", "private", "other", RENAME_NOREPLACE, EEXIST},
        Refusal{"Exchange", "private", "a", "private", "other", RENAME_EXCHANGE, EINVAL},
        Refusal{"Whiteout", "private", "a", "private", "b", 1U << 2U, EINVAL},
        Refusal{"AliasOfAnImage", "private", "a", "private", "other~%ALIAS%", 0, EEXIST},
        Refusal{"AliasInAnotherDirectory", "private", "a", "community", "other~%ALIAS%", 0, EEXIST},
        Refusal{"UuidOfAnImage", "private", "a", "private", "%ID%", 0, EEXIST},
        Refusal{"UuidInAnotherDirectory", "private", "a", "community", "%ID%", 0, EEXIST},
        Refusal{"AliasOfNone", "private", "a", "private", "a~01234567", 0, EINVAL},
        Refusal{"UuidOfNone", "private", "a", "private", "00000000-0000-4000-8000-000000000000", 0,
                EINVAL},
        Refusal{"TooManyCharacters", "private", "a", "private", std::string(256, 'x'), 0,
                ENAMETOOLONG},
        Refusal{"TooManyBytes", "private", "a", "private",
                [] {
                  std::string text;
                  while (text.size() < 256) text += "\xC3\xA9";
                  return text;
                }(),
                0, ENAMETOOLONG},
        Refusal{"NotUtf8", "private", "a", "private", "\xFF", 0, EILSEQ},
        Refusal{"OutsideTheBasicPlane", "private", "a", "private", "\xF0\x9F\x98\x80", 0, EILSEQ},
        Refusal{"ToTheTop", "private", "a", ".", "a", 0, EPERM},
        Refusal{"IntoControl", "private", "a", ".glancefs", "a", 0, EPERM},
        Refusal{"IntoById", "private", "a", "by-id", "a", 0, EPERM},
        Refusal{"OutOfById", "by-id", "%ID%", "private", "b", 0, EPERM},
        Refusal{"OutOfControl", ".glancefs", "status", "private", "b", 0, EPERM},
        Refusal{"ADirectory", ".", "private", "private", "b", 0, EPERM},
        Refusal{"Foreign", "community", "theirs", "community", "b", 0, EACCES},
        Refusal{"Nothing", "private", "none", "private", "b", 0, ENOENT}),
    [](const auto& each) { return each.param.name; });

TEST_F(Renaming, AForeignImageSaysWhoseItIs) {
  rig_.images.add("theirs", "x", [](client::Image& image) {
    image.owner = "somebody";
    image.visibility = Visibility::kCommunity;
  });
  rig_.restart();
  const NodeId community = directory("community");
  EXPECT_EQ(errno_thrown([&] { files().rename(community, "theirs", community, "b", 0, {}); }),
            EACCES);
  EXPECT_THAT(reason(community), HasSubstr("belongs to project somebody"));
}

TEST_F(Renaming, AReadOnlyMountRenamesNothing) {
  rig_.config.read_only = true;
  rig_.restart();
  EXPECT_EQ(rename_error("a", "b"), EROFS);
}

TEST_F(Renaming, OntoItselfIsNothing) {
  EXPECT_EQ(rename_error("a", "a"), 0);
  EXPECT_EQ(rename_error("a", "a~" + id_.substr(0, 8)), 0);
  EXPECT_EQ(rename_error("a~" + id_.substr(0, 8), "a"), 0);
  EXPECT_EQ(rename_error(id_, "a"), 0);
  EXPECT_EQ(rig_.images.calls(Call::kUpdate), 0);
}

TEST_F(Renaming, AnAliasGetsAPlainNameOfItsOwn) {
  rig_.images.add("a", "newer");
  rig_.restart();
  const std::string alias = "a~" + id_.substr(0, 8);
  ASSERT_THAT(rig_.names("private"), UnorderedElementsAre("a", alias));
  EXPECT_EQ(rename_error(alias, "a"), EEXIST);
  EXPECT_EQ(rename_error(alias, "older"), 0);
  EXPECT_EQ(image().name, "older");
  EXPECT_THAT(rig_.names("private"), UnorderedElementsAre("a", "older"));
}

TEST_F(Renaming, ANamelessImageGetsAName) {
  rig_.images.edit(id_, [](client::Image& image) { image.name = std::nullopt; });
  rig_.restart();
  EXPECT_EQ(rename_error(id_, "b"), 0);
  EXPECT_EQ(image().name, "b");
}

// Glance keeps it, whatever its name: only what was never there stays on this machine.
TEST_F(Renaming, ADotNameIsANameForAnImage) {
  EXPECT_EQ(rename_error("a", ".a"), 0);
  EXPECT_EQ(image().name, ".a");
  EXPECT_THAT(rig_.names("private"), ElementsAre(".a"));
  EXPECT_EQ(rig_.read_all(rig_.node("private", ".a")), "data");
  EXPECT_EQ(rename_error(".a", "a"), 0);
  EXPECT_EQ(rig_.images.calls(Call::kUpload), 0);
}

TEST_F(Renaming, AProtectedImageIsRenamed) {
  rig_.images.edit(id_, [](client::Image& image) { image.is_protected = true; });
  EXPECT_EQ(rename_error("a", "b"), 0);
}

TEST_F(Renaming, WhatWasDeletedElsewhereIsGone) {
  rig_.images.erase(id_);
  EXPECT_EQ(rename_error("a", "b"), ENOENT);
  EXPECT_THAT(rig_.names("private"), testing::IsEmpty());
}

TEST_F(Renaming, WhatIsDeletedInTheMiddleIsGone) {
  rig_.images.hold(Call::kUpdate);
  auto renaming = std::async(std::launch::async, [&] { return rename_error("a", "b"); });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpdate, 1));
  EXPECT_THAT(rig_.names("private"), ElementsAre("a"));
  rig_.images.erase(id_);
  rig_.images.release(Call::kUpdate);
  EXPECT_EQ(renaming.get(), ENOENT);
  EXPECT_THAT(rig_.names("private"), testing::IsEmpty());
}

// The name that was renamed is another image's by now, or nobody's.
TEST_F(Renaming, WhatWasRenamedElsewhereIsLeftAlone) {
  rig_.images.edit(id_, [](client::Image& image) { image.name = "c"; });
  EXPECT_EQ(rename_error("a", "b"), ENOENT);
  EXPECT_EQ(image().name, "c");
  EXPECT_THAT(rig_.names("private"), ElementsAre("c"));
}

TEST_F(Renaming, TheOldNameIsThereUntilTheNewOneIs) {
  rig_.images.hold(Call::kUpdate);
  auto renaming = std::async(std::launch::async, [&] { return rename_error("a", "b"); });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpdate, 1));
  EXPECT_EQ(rig_.node("private", "a"), node_);
  EXPECT_EQ(rig_.node("private", "b"), 0U);
  rig_.images.release(Call::kUpdate);
  EXPECT_EQ(renaming.get(), 0);
  EXPECT_EQ(rig_.node("private", "a"), 0U);
  EXPECT_EQ(rig_.node("private", "b"), node_);
}

TEST_F(Renaming, NoListHasBothNamesOrNone) {
  const NodeId where = directory();
  std::atomic<bool> done{false};
  std::thread renaming([&] {
    for (int i = 0; i < 200; ++i) {
      files().rename(where, i % 2 == 0 ? "a" : "b", where, i % 2 == 0 ? "b" : "a", 0, {});
    }
    done = true;
  });
  do {
    EXPECT_EQ(files().list(where).size(), 1U);
  } while (!done);
  renaming.join();
}

TEST_F(Renaming, AFileThatIsUploadedKeepsItsName) {
  rig_.images.hold(Call::kUpload);
  auto [entry, file] = files().create(directory(), "b", O_WRONLY | O_CREAT, kWriter, {});
  write(file, 0, "data");
  auto closing = std::async(std::launch::async,
                            [&, &file = file] { files().flush(*file.handle, kWriter, {}); });
  ASSERT_TRUE(rig_.images.wait_for_waiting(Call::kUpload, 1));
  EXPECT_EQ(rename_error("b", "c"), EBUSY);
  EXPECT_THAT(rig_.names("private"), UnorderedElementsAre("a", "b"));
  rig_.images.release(Call::kUpload);
  closing.get();
  EXPECT_EQ(rename_error("b", "c"), 0);
  files().release(std::move(file.handle));
}

TEST_F(Renaming, AFileThatIsWrittenIsUploadedUnderItsNewName) {
  auto [entry, file] = files().create(directory(), "b", O_WRONLY | O_CREAT, kWriter, {});
  write(file, 0, "data");
  files().rename(directory(), "b", directory("community"), "c", 0, {});
  files().flush(*file.handle, kWriter, {});
  files().release(std::move(file.handle));
  EXPECT_EQ(RigTest::image("c").visibility, Visibility::kCommunity);
}

// The upload of a failed rename may have taken another id, since Glance takes none twice.
TEST_F(Renaming, AFileWhoseUploadFailedCanBeRemoved) {
  rig_.config.upload_pause = std::chrono::milliseconds(0);
  rig_.restart();
  rig_.images.fail(Call::kUpload,
                   std::make_exception_ptr(HttpError(Operation::kUpload, 500, "PUT", "no", "r")),
                   9);
  EXPECT_EQ(errno_thrown([&] { rig_.copy_in("private", "b", "data"); }), EIO);
  EXPECT_THAT(rig_.names("private"), UnorderedElementsAre("a", "b"));
  files().unlink(directory(), "b", {});
  EXPECT_THAT(rig_.names("private"), ElementsAre("a"));
}

}  // namespace
}  // namespace glancefs::fs
