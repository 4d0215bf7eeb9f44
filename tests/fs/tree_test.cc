// Which images appear where and under which names.
#include "fs/catalogue/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glancefs::fs {
namespace {

using client::Image;
using client::Visibility;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* kOurs = "our-project";

// The UUID 11111111-0000-4000-8000-000000000000 for '1', and so on.
std::string uuid(char digit, const std::string& rest = "0000-4000-8000-000000000000") {
  return std::string(8, digit) + "-" + rest;
}

client::ImagePtr image(const std::string& id, std::optional<std::string> name, int created = 0,
                       const std::string& owner = kOurs,
                       Visibility visibility = Visibility::kPublic) {
  Image result;
  result.id = id;
  result.name = std::move(name);
  result.owner = owner;
  result.visibility = visibility;
  result.created = result.updated = std::chrono::sys_seconds(std::chrono::seconds(created));
  return std::make_shared<const Image>(std::move(result));
}

class TreeTest : public testing::Test {
 protected:
  std::vector<std::string> names(NodeId directory = kPublicNode) const {
    std::vector<std::string> found;
    for (DirectoryEntry& entry : tree_.list(directory)) found.push_back(std::move(entry.name));
    return found;
  }
  std::string found(std::string_view name, NodeId directory = kPublicNode) const {
    const auto node = tree_.find(directory, name);
    return node ? node->image->id : "";
  }
  static Tree::Time now() { return std::chrono::steady_clock::now(); }

  Tree tree_{{.project_id = kOurs}};
};

TEST_F(TreeTest, AUniqueNameIsShownAsItIs) {
  tree_.put(image(uuid('1'), "debian 12.qcow2"));
  EXPECT_THAT(names(), ElementsAre("debian 12.qcow2"));
  EXPECT_EQ(found("debian 12.qcow2"), uuid('1'));
}

TEST_F(TreeTest, OfOneOwnersTwinsTheNewestKeepsTheName) {
  tree_.put(image(uuid('1'), "a", 5));
  tree_.put(image(uuid('2'), "a", 7));
  tree_.put(image(uuid('3'), "a", 6));
  EXPECT_THAT(names(), UnorderedElementsAre("a~11111111", "a", "a~33333333"));
  EXPECT_EQ(found("a"), uuid('2'));
  EXPECT_EQ(found("a~11111111"), uuid('1'));
}

TEST_F(TreeTest, NamesDoNotDependOnTheOrderOfArrival) {
  tree_.put(image(uuid('2'), "a", 7));
  tree_.put(image(uuid('1'), "a", 5));
  EXPECT_EQ(found("a"), uuid('2'));
}

TEST_F(TreeTest, OursWinsOverANewerStranger) {
  tree_.put(image(uuid('1'), "a", 5));
  tree_.put(image(uuid('2'), "a", 99, "stranger"));
  EXPECT_EQ(found("a"), uuid('1'));
  EXPECT_THAT(names(), UnorderedElementsAre("a", "a~22222222"));
}

TEST_F(TreeTest, AmongStrangersNobodyGetsTheName) {
  tree_.put(image(uuid('1'), "a", 5, "one"));
  tree_.put(image(uuid('2'), "a", 6, "two"));
  EXPECT_EQ(found("a"), "");
  EXPECT_THAT(names(), UnorderedElementsAre("a~11111111", "a~22222222"));
}

TEST_F(TreeTest, OneStrangersNewestKeepsTheName) {
  tree_.put(image(uuid('1'), "a", 5, "one"));
  tree_.put(image(uuid('2'), "a", 6, "one"));
  EXPECT_EQ(found("a"), uuid('2'));
}

TEST_F(TreeTest, TwinsThatShareEightDigitsGetTheWholeId) {
  tree_.put(image(uuid('1'), "a", 5));
  tree_.put(image(uuid('1', "ffff-4000-8000-000000000000"), "a", 6));
  EXPECT_THAT(names(), UnorderedElementsAre("a", "a~" + uuid('1')));
  EXPECT_EQ(found("a~" + uuid('1')), uuid('1'));
  EXPECT_EQ(found("a~11111111"), "") << "a stranger may have chosen his id to be found by it";
}

TEST_F(TreeTest, AliasAndUuidAlwaysLeadThere) {
  tree_.put(image(uuid('1'), "a"));
  EXPECT_EQ(found("a~11111111"), uuid('1'));
  EXPECT_EQ(found(uuid('1')), uuid('1'));
  EXPECT_EQ(found("a~22222222"), "");
  EXPECT_EQ(found("b~11111111"), "");
}

TEST_F(TreeTest, NamelessImagesAreCalledByTheirUuid) {
  tree_.put(image(uuid('1'), std::nullopt));
  tree_.put(image(uuid('2'), ""));
  EXPECT_THAT(names(), UnorderedElementsAre(uuid('1'), uuid('2')));
}

TEST_F(TreeTest, ANameThatLooksLikeAnAliasDoesNotTakeOne) {
  tree_.put(image(uuid('1'), "a", 5));
  tree_.put(image(uuid('2'), "a", 6));
  tree_.put(image(uuid('3'), "a~11111111", 7));
  EXPECT_EQ(found("a~11111111"), uuid('1'));
  EXPECT_THAT(names(), UnorderedElementsAre("a", "a~11111111", "a%7E11111111"));
}

TEST_F(TreeTest, ANameThatIsAnothersUuidDoesNotTakeIt) {
  tree_.put(image(uuid('1'), "a"));
  tree_.put(image(uuid('2'), uuid('1')));
  EXPECT_EQ(found(uuid('1')), uuid('1'));
}

TEST_F(TreeTest, LongNamesAreCutAndFound) {
  std::string name;
  for (int i = 0; i < 255; ++i) name += "\xc3\xa9";
  tree_.put(image(uuid('1'), name + ""));
  ASSERT_THAT(names(), testing::SizeIs(1));
  EXPECT_LE(names()[0].size(), 255U);
  EXPECT_EQ(found(names()[0]), uuid('1'));
}

TEST_F(TreeTest, VisibilityIsTheDirectory) {
  tree_.put(image(uuid('1'), "a", 0, kOurs, Visibility::kPrivate));
  EXPECT_EQ(found("a", kPrivateNode), uuid('1'));
  EXPECT_EQ(found("a"), "");
  tree_.put(image(uuid('1'), "a", 0, kOurs, Visibility::kCommunity));
  EXPECT_EQ(found("a", kCommunityNode), uuid('1'));
  EXPECT_THAT(names(kPrivateNode), IsEmpty());
}

TEST_F(TreeTest, AnAdministratorSeesOnlyHisOwnPrivateAndSharedImages) {
  Tree tree({.project_id = kOurs, .is_admin = true});
  tree.put(image(uuid('1'), "a", 0, "stranger", Visibility::kPrivate));
  tree.put(image(uuid('2'), "b", 0, "stranger", Visibility::kShared));
  tree.put(image(uuid('3'), "c", 0, "stranger", Visibility::kPublic));
  EXPECT_THAT(tree.list(kPrivateNode), IsEmpty());
  EXPECT_THAT(tree.list(kSharedNode), IsEmpty());
  EXPECT_THAT(tree.list(kPublicNode), testing::SizeIs(1));
  EXPECT_TRUE(tree.find(kByIdNode, uuid('1'))) << "by its id it can be reached";
}

TEST_F(TreeTest, HiddenImagesAreReachedByIdOnly) {
  Image hidden = *image(uuid('1'), "a");
  hidden.hidden = true;
  tree_.put(std::make_shared<const Image>(hidden));
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_TRUE(tree_.find(kByIdNode, uuid('1')));
  EXPECT_EQ(found("a"), "");
  EXPECT_EQ(found("a~11111111"), uuid('1'));
  EXPECT_EQ(found("a~" + uuid('1')), uuid('1'));
  EXPECT_EQ(found(uuid('1')), uuid('1'));
  EXPECT_EQ(found("a~11111111", kPrivateNode), "") << "but only where it belongs";
  EXPECT_EQ(found(uuid('1'), kPrivateNode), "");
  Tree showing({.project_id = kOurs, .show_hidden = true});
  showing.put(std::make_shared<const Image>(hidden));
  EXPECT_THAT(showing.list(kPublicNode), testing::SizeIs(1));
}

TEST_F(TreeTest, AHiddenImageGivesUpItsName) {
  tree_.put(image(uuid('1'), "a", 5));
  tree_.put(image(uuid('2'), "a", 6));
  Image hidden = *image(uuid('2'), "a", 6);
  hidden.hidden = true;
  tree_.put(std::make_shared<const Image>(hidden));
  EXPECT_THAT(names(), ElementsAre("a"));
  EXPECT_EQ(found("a"), uuid('1'));
  EXPECT_EQ(found("a~22222222"), uuid('2'));
  tree_.put(image(uuid('2'), "a", 6));
  EXPECT_EQ(found("a"), uuid('2'));
  tree_.put(std::make_shared<const Image>(hidden));
  tree_.erase(uuid('2'));
  EXPECT_EQ(found("a~22222222"), "");
}

TEST_F(TreeTest, AFullListingForgetsWhatItDoesNotShow) {
  tree_.put(image(uuid('1'), "a"));
  tree_.replace({image(uuid('2'), "b")}, now());
  EXPECT_THAT(names(), ElementsAre("b"));
}

TEST_F(TreeTest, AListingDoesNotUndoWhatHappenedSinceItBegan) {
  tree_.replace({image(uuid('1'), "old")}, now());
  const Tree::Time begun = now();
  tree_.put(image(uuid('1'), "renamed"));
  tree_.put(image(uuid('2'), "made"));
  tree_.replace({image(uuid('1'), "old")}, begun);
  EXPECT_THAT(names(), UnorderedElementsAre("renamed", "made"));
  tree_.merge({image(uuid('1'), "old")}, begun);
  EXPECT_THAT(names(), UnorderedElementsAre("renamed", "made"));
}

TEST_F(TreeTest, AListingDoesNotBringBackWhatWasRemovedSinceItBegan) {
  tree_.put(image(uuid('1'), "a"));
  const Tree::Time begun = now();
  tree_.erase(uuid('1'));
  tree_.replace({image(uuid('1'), "a")}, begun);
  EXPECT_THAT(names(), IsEmpty());
  tree_.merge({image(uuid('1'), "a")}, begun);
  EXPECT_THAT(names(), IsEmpty());
  tree_.offer({image(uuid('1'), "a")}, begun);
  EXPECT_THAT(names(), IsEmpty());
  tree_.merge({image(uuid('1'), "a")}, now());
  EXPECT_THAT(names(), ElementsAre("a")) << "somebody has shared it again";
}

TEST_F(TreeTest, NodeNumbersComeFromTheIdAlone) {
  tree_.put(image(uuid('1'), "a"));
  EXPECT_EQ(tree_.find(kPublicNode, "a")->id, node_of_image(uuid('1')));
  EXPECT_NE(node_of_image(uuid('1')), node_of_image(uuid('2')));
  // Fixed for ever: remounts and other hosts must agree.
  EXPECT_EQ(node_of_image("11111111-1111-4111-8111-111111111111"), 0xbd7662a5eeb41614ULL);
}

TEST_F(TreeTest, CountsWhatIsOurs) {
  Image sized = *image(uuid('1'), "a");
  sized.size = 1000;
  tree_.put(std::make_shared<const Image>(sized));
  tree_.put(image(uuid('2'), "b", 0, "stranger"));
  EXPECT_EQ(tree_.totals().images, 2U);
  EXPECT_EQ(tree_.totals().own_images, 1U);
  EXPECT_EQ(tree_.totals().own_bytes, 1000U);
}

TEST_F(TreeTest, ErasedImagesAreGone) {
  tree_.put(image(uuid('1'), "a"));
  tree_.erase(uuid('1'));
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_FALSE(tree_.node(node_of_image(uuid('1'))));
}

}  // namespace
}  // namespace glancefs::fs
