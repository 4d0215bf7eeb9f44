// Mounts of several projects, and of a part of the catalogue, through Filesystem.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fs/catalogue/shown_part.h"
#include "tests/fs/rig_test.h"

namespace glancefs::fs {
namespace {

using client::Image;
using client::Visibility;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* kTheirs = "their-project";

class Parts : public RigTest {
 protected:
  void administer() {
    rig_.images.set_caller(rig_.images.project(), true);
    rig_.config.is_admin = true;
  }
  std::string add(const std::string& name, Visibility visibility, const std::string& owner) {
    return rig_.images
        .add(name, "data",
             [&](Image& image) {
               image.visibility = visibility;
               image.owner = owner;
             })
        .id;
  }
  /// The node of "a/b/c" below the root; 0: none.
  NodeId at(std::string_view path) {
    NodeId node = kRootNode;
    while (!path.empty() && node != 0) {
      const auto slash = std::min(path.find('/'), path.size());
      node = files().lookup(node, path.substr(0, slash), {}).node;
      path.remove_prefix(std::min(slash + 1, path.size()));
    }
    return node;
  }
  std::vector<std::string> names_at(std::string_view path) {
    std::vector<std::string> found;
    for (DirectoryEntry& entry : files().list(at(path))) found.push_back(std::move(entry.name));
    return found;
  }
  void move(std::string_view from, std::string_view name, std::string_view to,
            std::string_view new_name) {
    files().rename(at(from), name, at(to), new_name, 0, {});
  }
  int create_error(std::string_view directory) {
    return errno_thrown([&] {
      files().release(
          files().create(at(directory), "new", O_WRONLY | O_CREAT, kWriter, {}).second.handle);
    });
  }
};

class AllProjects : public Parts {
 protected:
  AllProjects() {
    administer();
    rig_.config.all_projects = true;
    id_ = add("theirs", Visibility::kPrivate, kTheirs);
    rig_.images.add("ours", "data");
    rig_.start();
  }
  Image theirs() { return rig_.images.find(id_).value(); }

  std::string id_;
  const std::string path_ = std::string("projects/") + kTheirs;
};

TEST_F(AllProjects, OthersAreShownButNotAmongOurs) {
  EXPECT_THAT(names_at(""), ElementsAre("public", "private", "shared", "community", "projects"));
  EXPECT_THAT(names_at("projects"), ElementsAre(kTheirs));
  EXPECT_THAT(names_at(path_), ElementsAre("private", "shared"));
  EXPECT_THAT(names_at(path_ + "/private"), ElementsAre("theirs"));
  EXPECT_THAT(names_at("private"), ElementsAre("ours"));
  EXPECT_EQ(rig_.read_all(at(path_ + "/private/theirs")), "data");
  EXPECT_EQ(files().attributes(at(path_ + "/private/theirs")).mode & 0777, 0644U);
  EXPECT_EQ(files().attributes(at(path_)).links, 4U);
  EXPECT_EQ(files().attributes(kRootNode).links, 7U);
  EXPECT_EQ(files().parent(at(path_)), at("projects"));
}

TEST_F(AllProjects, AnAdministratorRenamesMovesAndDeletesThem) {
  move(path_ + "/private", "theirs", path_ + "/private", "renamed");
  EXPECT_EQ(theirs().name, "renamed");
  move(path_ + "/private", "renamed", path_ + "/shared", "theirs");
  EXPECT_EQ(theirs().visibility, Visibility::kShared);
  EXPECT_EQ(theirs().owner, kTheirs);
  files().set_xattr(at(path_ + "/shared/theirs"), "user.glance.os_distro", "debian",
                    XattrMode::kSet, {});
  files().unlink(at(path_ + "/shared"), "theirs", {});
  EXPECT_FALSE(rig_.images.find(id_));
  EXPECT_EQ(at(path_), 0U);
  EXPECT_THAT(names_at("projects"), IsEmpty());
}

TEST_F(AllProjects, PublishingIsAMoveButTakingOverIsNot) {
  const NodeId file = at(path_ + "/private/theirs");
  EXPECT_EQ(errno_thrown([&] { move(path_ + "/private", "theirs", "private", "theirs"); }), EPERM);
  EXPECT_THAT(files().xattr(file, "user.glancefs.error").value_or(""), HasSubstr(kTheirs));
  EXPECT_EQ(errno_thrown([&] { move("private", "ours", path_ + "/private", "ours"); }), EPERM);
  move(path_ + "/private", "theirs", "public", "theirs");
  EXPECT_EQ(theirs().visibility, Visibility::kPublic);
  EXPECT_THAT(names_at("public"), ElementsAre("theirs"));
  EXPECT_EQ(errno_thrown([&] { move("public", "theirs", "private", "theirs"); }), EPERM);
}

TEST_F(AllProjects, NothingIsMadeForOthers) {
  for (const std::string& path : {path_ + "/private", path_, std::string("projects")}) {
    EXPECT_EQ(create_error(path), EPERM) << path;
  }
  EXPECT_EQ(create_error("private"), 0);
}

TEST_F(AllProjects, DirectoriesAreNotImages) {
  EXPECT_EQ(errno_thrown([&] { files().unlink(at("projects"), kTheirs, {}); }), EPERM);
  EXPECT_EQ(errno_thrown([&] { move("projects", kTheirs, "projects", "x"); }), EPERM);
  EXPECT_EQ(errno_thrown([&] { move(path_, "private", "private", "x"); }), EPERM);
  EXPECT_EQ(errno_thrown(
                [&] { files().set_xattr(at(path_), "user.glance.x", "y", XattrMode::kSet, {}); }),
            EPERM);
  EXPECT_EQ(errno_thrown([&] {
              files().change(at(path_), {.mode = 0700, .size = {}, .uid = {}, .gid = {}}, nullptr,
                             {});
            }),
            EPERM);
}

TEST_F(AllProjects, AVanishedDirectoryIsStale) {
  const NodeId project = at(path_);
  rig_.images.erase(id_);
  files().set_xattr(kRootNode, "user.glancefs.refresh", "1", XattrMode::kSet, {});
  EXPECT_EQ(errno_thrown([&] { files().attributes(project); }), ESTALE);
  EXPECT_EQ(errno_thrown([&] { files().list(project); }), ENOTDIR);
}

TEST_F(AllProjects, WithoutTheOptionTheyAreReachedByIdOnly) {
  rig_.config.all_projects = false;
  rig_.restart();
  EXPECT_THAT(names_at(""), ElementsAre("public", "private", "shared", "community"));
  EXPECT_EQ(at("projects"), 0U);
  EXPECT_EQ(rig_.read_all(at(".glancefs/by-id/" + id_)), "data");
  EXPECT_EQ(files().attributes(at(".glancefs/by-id/" + id_)).mode & 0777, 0444U);
}

class PartialMounts : public Parts {
 protected:
  PartialMounts() {
    for (const Visibility visibility :
         {Visibility::kPublic, Visibility::kPrivate, Visibility::kShared, Visibility::kCommunity}) {
      const std::string name(to_string(visibility));
      ids_.push_back(add(name, visibility, rig_.images.project()));
    }
  }
  std::vector<std::string> ids_;  ///< public, private, shared, community
};

TEST_F(PartialMounts, OneDirectoryIsTheRoot) {
  rig_.config.subdirectory = "private";
  rig_.start();
  EXPECT_THAT(names_at(""), ElementsAre("private"));
  EXPECT_EQ(rig_.read_all(at("private")), "data") << "that is the image's name";
  EXPECT_THAT(names_at(".glancefs/by-id"), ElementsAre(ids_.at(1)));
  EXPECT_EQ(at(".glancefs/by-id/" + ids_.at(0)), 0U);
  EXPECT_EQ(files().attributes(kRootNode).node, kRootNode);
  EXPECT_EQ(files().attributes(kRootNode).links, 2U);
  EXPECT_EQ(files().parent(kRootNode), kRootNode);
  EXPECT_EQ(at("public"), 0U);
}

TEST_F(PartialMounts, TheRootIsWrittenToAsItsDirectoryWouldBe) {
  rig_.config.subdirectory = "private";
  rig_.start();
  EXPECT_EQ(create_error(""), 0);
  move("", "private", "", "renamed");
  EXPECT_EQ(rig_.images.find(ids_.at(1))->name, "renamed");
  files().unlink(kRootNode, "renamed", {});
  EXPECT_FALSE(rig_.images.find(ids_.at(1)));
  EXPECT_EQ(errno_thrown([&] { files().unlink(kRootNode, "renamed", {}); }), ENOENT);
}

TEST_F(PartialMounts, AFailureInTheRootIsKeptWithTheFile) {
  rig_.config.subdirectory = "private";
  rig_.config.allow_delete = false;
  rig_.start();
  EXPECT_EQ(errno_thrown([&] { files().unlink(kRootNode, "private", {}); }), EPERM);
  EXPECT_THAT(files().xattr(at("private"), "user.glancefs.error").value_or(""),
              HasSubstr("delete=no"));
}

TEST_F(PartialMounts, UploadsGoToTheRootsVisibility) {
  rig_.config.subdirectory = "shared";
  rig_.start();
  auto [entry, opened] = files().create(kRootNode, "new", O_WRONLY | O_CREAT, kWriter, {});
  write(opened, 0, "bytes");
  files().flush(*opened.handle, kWriter, {});
  files().release(std::move(opened.handle));
  EXPECT_EQ(image("new").visibility, Visibility::kShared);
}

TEST_F(PartialMounts, OnlyTheNamedDirectoriesAreThere) {
  rig_.config.visibilities = {Visibility::kPublic, Visibility::kPrivate};
  rig_.start();
  EXPECT_THAT(names_at(""), ElementsAre("public", "private"));
  EXPECT_EQ(at("community"), 0U);
  EXPECT_THAT(names_at(".glancefs/by-id"), UnorderedElementsAre(ids_.at(0), ids_.at(1)));
  EXPECT_EQ(at(".glancefs/by-id/" + ids_.at(3)), 0U);
}

TEST_F(PartialMounts, WhatIsMovedOutOfThePartIsGone) {
  rig_.config.visibilities = {Visibility::kPrivate};
  rig_.start();
  const NodeId file = at("private/private");
  files().set_xattr(file, "user.glance.visibility", "community", XattrMode::kSet, {});
  EXPECT_EQ(rig_.images.find(ids_.at(1))->visibility, Visibility::kCommunity);
  EXPECT_EQ(at("private/private"), 0U);
  EXPECT_EQ(errno_thrown([&] { files().attributes(file); }), ESTALE);
}

TEST_F(PartialMounts, AForeignProjectAsTheRoot) {
  administer();
  rig_.config.subdirectory = std::string("projects/") + kTheirs;
  const std::string id = add("theirs", Visibility::kPrivate, kTheirs);
  rig_.start();
  EXPECT_THAT(names_at(""), ElementsAre("private", "shared"));
  EXPECT_THAT(names_at("private"), ElementsAre("theirs"));
  EXPECT_THAT(names_at(".glancefs/by-id"), ElementsAre(id));
  EXPECT_EQ(files().parent(at("private")), kRootNode);
  move("private", "theirs", "shared", "theirs");
  EXPECT_EQ(rig_.images.find(id)->visibility, Visibility::kShared);
  EXPECT_EQ(create_error("private"), EPERM);
  EXPECT_EQ(create_error(""), EPERM);
}

TEST(ListedPart, IsNamedOnlyWhereListingsAreLimited) {
  Config config;
  config.project_id = "ours";
  EXPECT_EQ(listed_part(config), "");
  config.visibilities = {Visibility::kPublic, Visibility::kPrivate};
  EXPECT_EQ(listed_part(config), "") << "Glance cannot list two";
  config.visibilities = {Visibility::kPublic};
  EXPECT_EQ(listed_part(config), " public");
  config.visibilities = {};
  config.is_admin = true;
  config.subdirectory = std::string("projects/") + kTheirs;
  EXPECT_EQ(listed_part(config), std::string(" of ") + kTheirs);
}

}  // namespace
}  // namespace glancefs::fs
