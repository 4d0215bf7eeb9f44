// Directories full of hostile names: each image has a file name of its own that leads to it.
#include "tests/support/tree_names.h"

#include <gtest/gtest.h>

#include <map>

#include "client/images.h"
#include "fs/catalogue/tree.h"
#include "tests/support/hostile_names.h"

namespace glancefs::fs {
namespace {

using client::Image;
using client::Visibility;

// Different in the first digits, as random ones are.
std::string uuid(std::uint32_t number) {
  constexpr std::uint32_t kOdd = 0x9e3779b1;  // so that no two products are equal
  return fmt::format("{:08x}-0000-4000-8000-{:012x}", (number + 1) * kOdd, number);
}

client::ImagePtr image(const std::string& id, std::optional<std::string> name,
                       const std::string& owner, int created = 0) {
  Image result;
  result.id = id;
  result.name = std::move(name);
  result.owner = owner;
  result.visibility = Visibility::kPublic;
  result.created = result.updated = std::chrono::sys_seconds(std::chrono::seconds(created));
  return std::make_shared<const Image>(std::move(result));
}

class TreeNames : public testing::Test {
 protected:
  /// One image of every name, by three owners in turn.
  void fill(const std::vector<std::string>& names) {
    static const std::vector<std::string> kOwners{"ours", "theirs", "others"};
    for (const std::string& name : names) {
      const std::uint32_t number = count_++;
      tree_.put(image(uuid(number), name, kOwners[number % 3], static_cast<int>(number)));
    }
  }
  std::map<NodeId, std::string> names() const {
    std::map<NodeId, std::string> found;
    for (DirectoryEntry& entry : tree_.list(kPublicNode)) found[entry.node] = std::move(entry.name);
    return found;
  }

  Tree tree_{{.project_id = "ours"}};
  std::uint32_t count_ = 0;
};

TEST_F(TreeNames, AreSoundWhateverImagesAreCalled) {
  fill(test::many_names());
  EXPECT_EQ(tree_.list(kPublicNode).size(), count_);
  EXPECT_EQ(test::flaw_of(tree_, kPublicNode), "");
}

TEST_F(TreeNames, OfImagesWithoutAName) {
  fill({"a", ""});
  tree_.put(image(uuid(1000), std::nullopt, "ours"));
  // Somebody else's image is called as that one is shown.
  tree_.put(image(uuid(1001), uuid(1000), "theirs", 99));
  EXPECT_EQ(test::flaw_of(tree_, kPublicNode), "");
  EXPECT_EQ(tree_.find(kPublicNode, uuid(1000))->image->id, uuid(1000));
}

TEST_F(TreeNames, OfLookAlikesLeadToNobodyElse) {
  fill({"a"});
  const std::string id = uuid(0);
  const std::string alias = "a~" + id.substr(0, 8);
  for (const std::string& name :
       {alias, "a~" + id, id, "a%7E" + id.substr(0, 8), std::string("a")}) {
    const std::uint32_t number = ++count_;
    tree_.put(image(uuid(number), name, "theirs", 99));
  }
  EXPECT_EQ(test::flaw_of(tree_, kPublicNode), "");
  for (const std::string& name : {std::string("a"), alias, "a~" + id, id}) {
    const auto found = tree_.find(kPublicNode, name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->image->id, id) << name;
  }
}

TEST_F(TreeNames, StayWhenUnrelatedImagesCome) {
  fill(test::chosen_names());
  const auto before = names();
  std::vector<std::string> more;
  for (int i = 0; i < 1000; ++i) more.push_back("unrelated " + std::to_string(i));
  fill(more);
  tree_.erase(uuid(count_ - 1));
  const auto after = names();
  for (const auto& [node, name] : before) EXPECT_EQ(after.at(node), name);
}

TEST_F(TreeNames, OfTwinsWhoseIdsBeginAlike) {
  const std::string one = "1234abcd-0000-4000-8000-000000000001";
  const std::string two = "1234abcd-0000-4000-8000-000000000002";
  tree_.put(image(uuid(1), "a", "ours"));
  tree_.put(image(one, "a", "theirs"));
  tree_.put(image(two, "a", "others"));
  EXPECT_EQ(test::flaw_of(tree_, kPublicNode), "");
  EXPECT_EQ(tree_.find(kPublicNode, "a~" + one)->image->id, one);
  EXPECT_EQ(tree_.find(kPublicNode, "a~" + two)->image->id, two);
}

}  // namespace
}  // namespace glancefs::fs
