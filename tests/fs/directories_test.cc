// Which directories there are, and which image is where.
#include "fs/catalogue/directories.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <system_error>

#include "fs/catalogue/project_name.h"
#include "fs/catalogue/shown_part.h"
#include "fs/catalogue/tree.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {
namespace {

using client::Image;
using client::Visibility;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kOurs = "our-project";
constexpr const char* kTheirs = "their-project";

Image image(Visibility visibility, const std::string& owner = kOurs, char digit = '1') {
  Image result;
  result.id = std::string(8, digit) + "-0000-4000-8000-000000000000";
  result.name = "a";
  result.owner = owner;
  result.visibility = visibility;
  return result;
}

client::ImagePtr shared(Image record) { return std::make_shared<const Image>(std::move(record)); }

std::vector<std::string> names(const Directories& directories, NodeId directory) {
  std::vector<std::string> found;
  for (DirectoryEntry& entry : directories.list(directory)) found.push_back(std::move(entry.name));
  return found;
}

DirectoriesConfig administrator() {
  return {.project_id = kOurs, .is_admin = true, .all_projects = true};
}

/// The reason of the EPERM that `action` throws.
template <typename Action>
std::string refusal(Action&& action) {
  try {
    std::forward<Action>(action)();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EPERM);
    return error.what();
  }
  return "not refused";
}

TEST(ProjectName, IsTheIdWherePossible) {
  EXPECT_EQ(project_file_name("0123456789abcdef0123456789abcdef"),
            "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(project_file_name("11111111-0000-4000-8000-000000000000"),
            "11111111-0000-4000-8000-000000000000");
  EXPECT_EQ(project_file_name(""), "none");
}

TEST(ProjectName, HostileOwnersAreEscapedAndNeverMeet) {
  const std::string wide = std::string(254, 'x') + "\xc3\xa9";
  const std::vector<std::string> owners{
      "",          "none",      "%6Eone",     ".",
      "..",        "a/b",       "a%2Fb",      std::string("a\0b", 3),
      "../../etc", ".glancefs", "x~1234abcd", "11111111-0000-4000-8000-000000000000",
      "new\nline", "private",   wide,         wide + "x"};
  std::set<std::string> seen;
  for (const std::string& owner : owners) {
    const std::string name = project_file_name(owner);
    EXPECT_TRUE(seen.insert(name).second) << name;
    EXPECT_LE(name.size(), 255U);
    EXPECT_EQ(name.find('/'), std::string::npos);
    EXPECT_EQ(name.find('\0'), std::string::npos);
    EXPECT_NE(name, ".");
    EXPECT_NE(name, "..");
    if (owner.size() <= 255) {
      EXPECT_EQ(owner_of_file_name(name), owner);
    } else {
      EXPECT_EQ(owner_of_file_name(name), std::nullopt) << "it is cut";
    }
  }
}

TEST(Directories, FourAreThereFromTheStart) {
  const Directories directories({.project_id = kOurs});
  EXPECT_THAT(names(directories, kRootNode),
              ElementsAre("public", "private", "shared", "community"));
  EXPECT_EQ(directories.count(kRootNode), 4U);
  EXPECT_EQ(directories.find(kRootNode, "projects"), 0U);
  EXPECT_EQ(directories.parent(kByIdNode), NodeId{kControlNode});
  EXPECT_EQ(directories.parent(kSharedNode), kRootNode);
}

TEST(Directories, OthersPrivateAndSharedImagesAreInTheirProjectAlone) {
  Tree tree(administrator());
  const Directories& directories = tree.directories();
  EXPECT_THAT(names(directories, kRootNode),
              ElementsAre("public", "private", "shared", "community", "projects"));
  EXPECT_THAT(names(directories, kProjectsNode), IsEmpty());
  tree.put(shared(image(Visibility::kPrivate, kTheirs, '1')));
  tree.put(shared(image(Visibility::kPrivate, kOurs, '2')));
  tree.put(shared(image(Visibility::kPublic, kTheirs, '3')));
  tree.put(shared(image(Visibility::kCommunity, "a third", '4')));

  EXPECT_THAT(names(directories, kProjectsNode), ElementsAre(kTheirs));
  const NodeId project = directories.find(kProjectsNode, kTheirs);
  EXPECT_THAT(names(directories, project), ElementsAre("private", "shared"));
  const NodeId theirs = directories.find(project, "private");
  ASSERT_EQ(tree.list(theirs).size(), 1U);
  EXPECT_EQ(tree.find(theirs, "a")->image->owner, kTheirs);
  EXPECT_THAT(tree.list(directories.find(project, "shared")), IsEmpty());
  ASSERT_EQ(tree.list(kPrivateNode).size(), 1U) << "nothing is mixed in";
  EXPECT_EQ(tree.find(kPrivateNode, "a")->image->owner, kOurs);
  EXPECT_EQ(tree.list(kPublicNode).size(), 1U);
  EXPECT_EQ(tree.list(kCommunityNode).size(), 1U);

  EXPECT_EQ(directories.visibility(theirs), Visibility::kPrivate);
  EXPECT_EQ(directories.visibility(project), std::nullopt);
  EXPECT_EQ(directories.parent(theirs), project);
  EXPECT_EQ(directories.parent(project), NodeId{kProjectsNode});
  EXPECT_EQ(directories.parent(kProjectsNode), kRootNode);
}

TEST(Directories, ProjectsComeAndGoWithTheirImages) {
  Tree tree(administrator());
  const Directories& directories = tree.directories();
  tree.put(shared(image(Visibility::kPrivate, kTheirs, '1')));
  tree.put(shared(image(Visibility::kShared, kTheirs, '2')));
  const NodeId project = directories.find(kProjectsNode, kTheirs);
  const NodeId theirs = directories.find(project, "private");
  tree.erase(image(Visibility::kPrivate, kTheirs, '1').id);
  EXPECT_TRUE(directories.contains(theirs)) << "there still is a shared one";
  tree.put(shared(image(Visibility::kPrivate, kTheirs, '2')));
  EXPECT_EQ(directories.find(kProjectsNode, kTheirs), project) << "moved, not gone";
  tree.put(shared(image(Visibility::kPublic, kTheirs, '2')));
  EXPECT_EQ(directories.find(kProjectsNode, kTheirs), 0U);
  EXPECT_FALSE(directories.contains(project));
  EXPECT_FALSE(directories.contains(theirs));
  EXPECT_THAT(names(directories, kProjectsNode), IsEmpty());
  tree.replace({shared(image(Visibility::kPrivate, kTheirs, '3'))},
               std::chrono::steady_clock::now());
  EXPECT_EQ(directories.find(kProjectsNode, kTheirs), project) << "its number stays";
}

TEST(Directories, AHiddenImageKeepsItsProject) {
  Tree tree(administrator());
  Image hidden = image(Visibility::kPrivate, kTheirs);
  hidden.hidden = true;
  tree.put(shared(hidden));
  const Directories& directories = tree.directories();
  const NodeId theirs = directories.home(hidden);
  EXPECT_TRUE(directories.contains(theirs));
  EXPECT_THAT(tree.list(theirs), IsEmpty());
  EXPECT_TRUE(tree.find(theirs, hidden.id));
  EXPECT_TRUE(tree.find(theirs, "a~11111111"));
  hidden.hidden = false;
  tree.put(shared(hidden));
  EXPECT_EQ(tree.list(theirs).size(), 1U);
  tree.erase(hidden.id);
  EXPECT_FALSE(directories.contains(theirs));
}

TEST(Directories, NumbersComeFromTheProjectAlone) {
  Tree tree(administrator());
  tree.put(shared(image(Visibility::kPrivate, "0123456789abcdef0123456789abcdef")));
  const Directories& directories = tree.directories();
  const NodeId project = directories.list(kProjectsNode).at(0).node;
  // Fixed for ever: remounts and other hosts must agree.
  EXPECT_EQ(project, node_of_text("projects/0123456789abcdef0123456789abcdef/"));
  EXPECT_EQ(project, 0xb77012eadc2d5eadULL);
  EXPECT_EQ(directories.find(project, "shared"),
            node_of_text("projects/0123456789abcdef0123456789abcdef/shared"));
}

TEST(Directories, ImagesOfNobodyAreAProjectToo) {
  Tree tree(administrator());
  tree.put(shared(image(Visibility::kPrivate, "")));
  EXPECT_THAT(names(tree.directories(), kProjectsNode), ElementsAre("none"));
}

TEST(Directories, AnAdministratorWithoutAllProjectsSeesNoneOfThem) {
  Tree tree({.project_id = kOurs, .is_admin = true});
  tree.put(shared(image(Visibility::kPrivate, kTheirs)));
  EXPECT_EQ(tree.directories().find(kRootNode, "projects"), 0U);
  EXPECT_EQ(tree.directories().home(image(Visibility::kPrivate, kTheirs)), 0U);
  EXPECT_TRUE(tree.find(kByIdNode, image(Visibility::kPrivate).id));
}

TEST(Directories, NewImagesBelongToTheLoginsProject) {
  Tree tree(administrator());
  tree.put(shared(image(Visibility::kPrivate, kTheirs)));
  const Directories& directories = tree.directories();
  const NodeId theirs = directories.home(image(Visibility::kPrivate, kTheirs));
  EXPECT_THAT(refusal([&] { directories.check_new(theirs); }), HasSubstr("project of the login"));
  EXPECT_THAT(refusal([&] { directories.check_new(kProjectsNode); }),
              HasSubstr("project of the login"));
  EXPECT_NO_THROW(directories.check_new(kPrivateNode));
}

TEST(Directories, MovingChangesNoOwner) {
  Tree tree(administrator());
  const Image theirs = image(Visibility::kPrivate, kTheirs, '1');
  const Image third = image(Visibility::kPrivate, "third", '2');
  tree.put(shared(theirs));
  tree.put(shared(third));
  const Directories& directories = tree.directories();
  const NodeId home = directories.home(theirs);
  EXPECT_NO_THROW(directories.check_move(theirs, home));
  EXPECT_NO_THROW(directories.check_move(theirs, kCommunityNode));
  EXPECT_NO_THROW(directories.check_move(theirs, kPublicNode));
  EXPECT_NO_THROW(
      directories.check_move(theirs, directories.home(image(Visibility::kShared, kTheirs))));
  EXPECT_THAT(refusal([&] { directories.check_move(theirs, kPrivateNode); }),
              HasSubstr("belongs to project their-project"));
  EXPECT_THAT(refusal([&] { directories.check_move(third, home); }),
              HasSubstr("belongs to project third"));
  EXPECT_THAT(refusal([&] { directories.check_move(image(Visibility::kPublic), home); }),
              HasSubstr("belongs to project our-project"));
  EXPECT_NO_THROW(directories.check_move(image(Visibility::kPublic), kSharedNode));
}

TEST(Directories, APartialMountKnowsNothingOfTheRest) {
  Tree tree({.project_id = kOurs, .visibilities = {Visibility::kPrivate, Visibility::kPublic}});
  EXPECT_THAT(names(tree.directories(), kRootNode), ElementsAre("public", "private"));
  tree.put(shared(image(Visibility::kCommunity)));
  EXPECT_THAT(tree.list(kByIdNode), IsEmpty());
  tree.merge({shared(image(Visibility::kPublic))}, std::chrono::steady_clock::now());
  EXPECT_EQ(tree.list(kPublicNode).size(), 1U);
  tree.merge({shared(image(Visibility::kCommunity))}, std::chrono::steady_clock::now());
  EXPECT_THAT(tree.list(kByIdNode), IsEmpty()) << "it has become something else";
  tree.replace(
      {shared(image(Visibility::kShared)), shared(image(Visibility::kPrivate, kOurs, '2'))},
      std::chrono::steady_clock::now());
  EXPECT_EQ(tree.list(kByIdNode).size(), 1U);
  EXPECT_EQ(tree.totals().images, 1U);
}

TEST(Directories, ProjectsAreThereForWhatTheyHold) {
  DirectoriesConfig config = administrator();
  config.visibilities = {Visibility::kPublic};
  EXPECT_THAT(names(Directories(config), kRootNode), ElementsAre("public"));
  config.visibilities = {Visibility::kShared};
  Tree tree(config);
  tree.put(shared(image(Visibility::kShared, kTheirs)));
  const Directories& directories = tree.directories();
  EXPECT_THAT(names(directories, kRootNode), ElementsAre("shared", "projects"));
  EXPECT_THAT(names(directories, directories.find(kProjectsNode, kTheirs)), ElementsAre("shared"));
}

TEST(Directories, OneDirectoryCanBeTheRoot) {
  Tree tree({.project_id = kOurs, .root = "community"});
  const Directories& directories = tree.directories();
  const NodeId root = directories.resolve(kRootNode);
  EXPECT_EQ(root, NodeId{kCommunityNode});
  EXPECT_EQ(directories.resolve(kControlNode), NodeId{kControlNode});
  tree.put(shared(image(Visibility::kCommunity, kTheirs, '1')));
  tree.put(shared(image(Visibility::kPublic, kTheirs, '2')));
  EXPECT_EQ(tree.list(root).size(), 1U);
  EXPECT_EQ(tree.list(kByIdNode).size(), 1U);
  EXPECT_THAT(directories.list(root), IsEmpty());
  EXPECT_EQ(directories.visibility(root), Visibility::kCommunity);
}

TEST(Directories, AProjectCanBeTheRootEvenWithoutImages) {
  Tree tree({.project_id = kOurs, .is_admin = true, .root = "projects/their-project"});
  const Directories& directories = tree.directories();
  const NodeId root = directories.resolve(kRootNode);
  EXPECT_THAT(names(directories, root), ElementsAre("private", "shared"));
  tree.put(shared(image(Visibility::kPrivate, kTheirs, '1')));
  tree.put(shared(image(Visibility::kPrivate, kOurs, '2')));
  tree.put(shared(image(Visibility::kPrivate, "third", '3')));
  tree.put(shared(image(Visibility::kPublic, kTheirs, '4')));
  EXPECT_EQ(tree.list(kByIdNode).size(), 1U);
  const NodeId theirs = directories.find(root, "private");
  EXPECT_EQ(tree.list(theirs).size(), 1U);
  EXPECT_EQ(directories.parent(theirs), kRootNode);
  tree.erase(image(Visibility::kPrivate, kTheirs, '1').id);
  EXPECT_TRUE(directories.contains(theirs)) << "the root does not go";
}

TEST(Directories, ListingsAskForNoMoreThanIsShown) {
  const auto limited = [](DirectoriesConfig config) {
    client::ListQuery query;
    Directories(std::move(config)).limit(query);
    return query;
  };
  EXPECT_EQ(limited({.project_id = kOurs}).visibility, std::nullopt);
  EXPECT_EQ(limited({.project_id = kOurs, .root = "public"}).visibility, Visibility::kPublic);
  EXPECT_EQ(limited({.project_id = kOurs, .visibilities = {Visibility::kShared}}).visibility,
            Visibility::kShared);
  EXPECT_EQ(limited({.project_id = kOurs, .root = "private"}).owner, "") << "Glance knows itself";
  const std::vector restricted{Visibility::kShared, Visibility::kPrivate};
  const auto ours = limited({.project_id = kOurs, .is_admin = true, .visibilities = restricted});
  EXPECT_EQ(ours.visibility, std::nullopt);
  EXPECT_EQ(ours.owner, kOurs);
  EXPECT_EQ(
      limited(
          {.project_id = kOurs, .is_admin = true, .all_projects = true, .visibilities = restricted})
          .owner,
      "");
  EXPECT_EQ(limited({.project_id = kOurs, .is_admin = true, .root = "projects/a%2Fb"}).owner,
            "a/b");
  EXPECT_EQ(limited({.project_id = kOurs, .is_admin = true, .root = "projects/none"}).owner, "")
      << "there is no word for it";
}

std::string start_error(const Config& config) {
  try {
    check_shown_part(config);
  } catch (const StartError& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    return std::string(error.what()) + "|" + error.hint();
  }
  return "";
}

TEST(ShownPart, OtherProjectsAreForAdministrators) {
  Config config;
  config.project_id = kOurs;
  config.project_name = "demo";
  EXPECT_EQ(start_error(config), "");
  config.all_projects = true;
  EXPECT_EQ(start_error(config),
            "option all-projects: only an administrator sees other projects' images, and this "
            "login to project demo has not the role admin|leave it out, or log in as an "
            "administrator");
  config.all_projects = false;
  config.subdirectory = "projects/their-project";
  EXPECT_THAT(start_error(config), HasSubstr("option subdir=projects/their-project: only an"));
  config.is_admin = true;
  EXPECT_EQ(start_error(config), "");
  config.subdirectory = "projects/our-project";
  EXPECT_THAT(start_error(config), HasSubstr("subdir=private"));
}

}  // namespace
}  // namespace glancefs::fs
