// Random changes of the tree, each compared with the naming rules written down naively, and with
// what the watcher was told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <set>

#include "fs/catalogue/names.h"
#include "fs/catalogue/tree.h"

namespace glancefs::fs {
namespace {

using client::Image;
using client::Visibility;

constexpr const char* kOurs = "ours";
constexpr std::array kDirectories{kPublicNode, kPrivateNode, kSharedNode, kCommunityNode};

struct Known {
  Image image;
  bool uploading = false;
};
using State = std::map<std::string, Known>;  // by id

// What is being written is where its program put it.
bool is_listed(const Known& known) { return !known.image.hidden || known.uploading; }

using Listing = std::map<std::string, NodeId>;

std::string key_of(const Image& image) {
  return image.name.value_or("").empty() ? image.id : escape_name(*image.name);
}

// The rules of doc/SEMANTICS.md, one after the other, over everything.
class Model {
 public:
  explicit Model(const State& state) : state_(state) {}

  Listing listing(NodeId directory) const {
    Listing names;
    for (const auto& [id, known] : state_) {
      if (directory == kByIdNode) names[id] = node_of_image(id);
      if (is_listed(known) && directory_of(known.image.visibility) == directory) {
        const bool is_new = names.emplace(name_of(known), node_of_image(id)).second;
        EXPECT_TRUE(is_new) << "two images are called " << name_of(known);
      }
    }
    return names;
  }

  /// The ids that "NAME~<eight digits>" may mean in a directory, listed or not.
  std::set<std::string> meant_by(NodeId directory, const std::string& alias) const {
    std::set<std::string> ids;
    for (const auto& [id, known] : state_) {
      if (directory_of(known.image.visibility) != directory) continue;
      if (alias_name(key_of(known.image), id) == alias) ids.insert(id);
    }
    return ids;
  }

 private:
  std::vector<const Known*> together(const Known& with) const {
    std::vector<const Known*> found;
    for (const auto& [id, other] : state_) {
      if (is_listed(other) && other.image.visibility == with.image.visibility) {
        found.push_back(&other);
      }
    }
    return found;
  }

  static bool goes_before(const Known& a, const Known& b) {
    const bool a_ours = a.image.owner == kOurs;
    const bool b_ours = b.image.owner == kOurs;
    if (a_ours != b_ours) return a_ours;
    if (a.uploading != b.uploading) return a.uploading;
    if (a.image.created != b.image.created) return a.image.created > b.image.created;
    return a.image.id > b.image.id;
  }

  std::string name_of(const Known& known) const {
    const std::string key = key_of(known.image);
    bool wins = key.size() <= kNameMax;
    std::set<std::string> owners;
    bool any_ours = false;
    bool digits_shared = false;
    for (const Known* other : together(known)) {
      const bool same = other == &known;
      if (!same && other->image.id.substr(0, 8) == known.image.id.substr(0, 8)) {
        digits_shared = true;
      }
      if (key_of(other->image) != key) continue;
      owners.insert(other->image.owner);
      any_ours |= other->image.owner == kOurs;
      if (!same && goes_before(*other, known)) wins = false;
    }
    if (wins && (owners.size() == 1 || any_ours)) return key;
    return digits_shared ? long_alias_name(key, known.image.id) : alias_name(key, known.image.id);
  }

  const State& state_;
};

class Ear : public Watcher {
 public:
  void changed(TreeChanges changes) noexcept override { heard.push_back(std::move(changes)); }
  std::vector<TreeChanges> heard;
};

bool stat_differs(const Known& a, const Known& b) {
  return (a.image.owner == kOurs) != (b.image.owner == kOurs) || a.uploading != b.uploading ||
         a.image.status != b.image.status || a.image.size != b.image.size ||
         a.image.is_protected != b.image.is_protected || a.image.created != b.image.created ||
         a.image.updated != b.image.updated;
}

class TreeModelTest : public testing::Test {
 protected:
  void SetUp() override { tree_.watch(ear_); }

  template <typename Container>
  auto pick(const Container& from) {
    return from[random_() % std::size(from)];
  }
  bool one_in(unsigned n) { return random_() % n == 0; }

  // Few ids, names, owners and times, so that they meet.
  std::string random_id() {
    static constexpr std::array kHeads{"aaaaaaaa", "aaaaaaab", "bbbbbbbb"};
    return std::string(pick(kHeads)) + "-0000-4000-8000-00000000000" +
           static_cast<char>('0' + random_() % 10);
  }

  Image random_image(const std::string& id) {
    static const std::string kLong = std::string(248, 'l');
    static const std::vector<std::optional<std::string>> kNames{
        "a",          "a",         "b",
        std::nullopt, "",          "a~aaaaaaaa",
        "a/b",        ".",         "aaaaaaaa-0000-4000-8000-000000000001",
        kLong + "x",  kLong + "y", std::string(300, 'l') + ".raw"};
    static constexpr std::array kOwners{kOurs, kOurs, "one", "two"};
    Image image;
    image.id = id;
    image.name = pick(kNames);
    image.owner = pick(kOwners);
    image.status = client::Status::kActive;
    image.visibility = one_in(4) ? Visibility::kPrivate : Visibility::kPublic;
    image.hidden = one_in(10);
    image.size = random_() % 3;
    image.created = std::chrono::sys_seconds(std::chrono::seconds(random_() % 3));
    image.updated = std::chrono::sys_seconds(std::chrono::seconds(random_() % 3));
    image.is_protected = one_in(3);
    return image;
  }

  // The tree only asks whether there is one.
  static std::shared_ptr<Upload> some_upload() {
    static int somewhere = 0;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): never looked into
    return {std::shared_ptr<void>(), reinterpret_cast<Upload*>(&somewhere)};
  }

  void put() {
    std::string id = random_id();
    Image image = random_image(id);
    if (one_in(3) && state_.contains(id)) {  // a small change
      image = state_[id].image;
      if (one_in(2)) image.size = random_() % 3;
      if (one_in(2)) image.created += std::chrono::seconds(1);
    }
    const bool uploading = one_in(5);
    state_[id] = {.image = image, .uploading = uploading};
    tree_.put(std::make_shared<const Image>(std::move(image)), uploading ? some_upload() : nullptr);
  }

  void erase() {
    const std::string id = random_id();
    state_.erase(id);
    tree_.erase(id);
  }

  std::vector<client::ImagePtr> random_images(unsigned most) {
    std::map<std::string, client::ImagePtr> images;
    for (auto left = random_() % most; left > 0; --left) {
      const std::string id = random_id();
      const auto known = state_.find(id);
      Image image = random_image(id);
      if (known != state_.end() && one_in(2)) image = known->second.image;
      images[id] = tree_.shared(std::make_shared<const client::Image>(std::move(image)));
    }
    std::vector<client::ImagePtr> list;
    for (auto& [id, image] : images) list.push_back(std::move(image));
    return list;
  }

  void take_listing(bool complete) {
    const auto images = random_images(complete ? 25 : 4);
    std::set<std::string> shown;
    for (const auto& image : images) {
      shown.insert(image->id);
      Known& known = state_[image->id];
      if (!known.uploading) known = {.image = *image, .uploading = false};
    }
    if (complete) {
      std::erase_if(state_, [&](const auto& entry) {
        return !entry.second.uploading && !shown.contains(entry.first);
      });
    }
    const auto begun = std::chrono::steady_clock::now();
    complete ? tree_.replace(images, begun) : tree_.merge(images, begun);
  }

  void step() {
    switch (random_() % 8) {
      case 0:
        return take_listing(true);
      case 1:
      case 2:
        return take_listing(false);
      case 3:
      case 4:
        return erase();
      default:
        return put();
    }
  }

  Listing listed(NodeId directory) const {
    Listing names;
    for (const DirectoryEntry& entry : tree_.list(directory)) {
      EXPECT_TRUE(names.emplace(entry.name, entry.node).second) << entry.name << " is there twice";
    }
    return names;
  }

  void check_names() {
    const Model model(state_);
    for (const NodeId directory : {NodeId{kPublicNode}, NodeId{kPrivateNode}, NodeId{kByIdNode}}) {
      const Listing names = listed(directory);
      EXPECT_EQ(names, model.listing(directory)) << "in directory " << directory;
      for (const auto& [name, node] : names) {
        const auto found = tree_.find(directory, name);
        EXPECT_TRUE(found && found->id == node) << name;
      }
    }
    for (const auto& [id, known] : state_) {
      const NodeId directory = directory_of(known.image.visibility);
      for (const std::string& name : {id, long_alias_name(key_of(known.image), id)}) {
        const auto found = tree_.find(directory, name);
        EXPECT_TRUE(found && found->id == node_of_image(id)) << name;
      }
      const std::string alias = alias_name(key_of(known.image), id);
      const auto listed_so = model.listing(directory);
      const auto found = tree_.find(directory, alias);
      if (model.meant_by(directory, alias).size() == 1) {
        EXPECT_TRUE(found && found->id == node_of_image(id)) << alias;
      } else if (!listed_so.contains(alias)) {
        EXPECT_FALSE(found) << alias << " does not say whom it means";
      }
    }
  }

  // What the watcher must have been told of the way from `before` to the present, and nothing else.
  TreeChanges expected(const State& before) const {
    std::set<NodeId> directories, nodes;
    std::set<NameChange> names;
    for (const NodeId directory : {NodeId{kPublicNode}, NodeId{kPrivateNode}, NodeId{kByIdNode}}) {
      const Listing old = Model(before).listing(directory);
      const Listing now = Model(state_).listing(directory);
      if (old == now) continue;
      directories.insert(directory);
      for (const auto& [name, node] : old) {
        if (!now.contains(name) || now.at(name) != node) names.insert({directory, name});
      }
      for (const auto& [name, node] : now) {
        if (!old.contains(name)) names.insert({directory, name});
      }
    }
    for (const auto& [id, known] : before) {
      const auto now = state_.find(id);
      if (now == state_.end() || stat_differs(known, now->second)) {
        nodes.insert(node_of_image(id));
      }
      const bool in_place = now != state_.end() && is_listed(now->second) == is_listed(known) &&
                            now->second.image.visibility == known.image.visibility;
      const NodeId directory = directory_of(known.image.visibility);
      const std::string key = key_of(known.image);
      if (!in_place) names.insert({directory, id});
      if (in_place && key_of(now->second.image) == key) continue;
      names.insert({directory, alias_name(key, id)});
      names.insert({directory, long_alias_name(key, id)});
    }
    // Digits that were an image's alone are so no more.
    for (const auto& [id, known] : state_) {
      const auto old = before.find(id);
      const NodeId directory = directory_of(known.image.visibility);
      const std::string alias = alias_name(key_of(known.image), id);
      const bool joined = old == before.end() || is_listed(old->second) != is_listed(known) ||
                          old->second.image.visibility != known.image.visibility ||
                          key_of(old->second.image) != key_of(known.image);
      if (joined && Model(state_).meant_by(directory, alias).size() > 1) {
        names.insert({directory, alias});
      }
    }
    return {.everything = false,
            .directories = {directories.begin(), directories.end()},
            .names = {names.begin(), names.end()},
            .nodes = {nodes.begin(), nodes.end()}};
  }

  void check_told(const State& before, const std::map<NodeId, std::optional<FileTime>>& times) {
    const TreeChanges wanted = expected(before);
    if (wanted.empty()) {
      EXPECT_THAT(ear_->heard, testing::IsEmpty());
      return;
    }
    ASSERT_THAT(ear_->heard, testing::SizeIs(1));
    EXPECT_FALSE(ear_->heard[0].everything);
    EXPECT_EQ(ear_->heard[0].directories, wanted.directories);
    EXPECT_EQ(ear_->heard[0].names, wanted.names);
    EXPECT_EQ(ear_->heard[0].nodes, wanted.nodes);
    for (const NodeId directory : wanted.directories) {
      EXPECT_GT(tree_.changed(directory), times.at(directory)) << directory;
    }
  }

  std::map<NodeId, std::optional<FileTime>> times() const {
    std::map<NodeId, std::optional<FileTime>> result;
    for (const NodeId directory : kDirectories) result[directory] = tree_.changed(directory);
    result[kByIdNode] = tree_.changed(kByIdNode);
    return result;
  }

  void check_sums() const {
    std::uint64_t own = 0, bytes = 0;
    for (const auto& [id, known] : state_) {
      if (known.image.owner != kOurs) continue;
      ++own;
      bytes += *known.image.size;
    }
    const Tree::Totals totals = tree_.totals();
    EXPECT_EQ(totals.images, state_.size());
    EXPECT_EQ(totals.own_images, own);
    EXPECT_EQ(totals.own_bytes, bytes);
  }

  std::mt19937 random_;
  State state_;
  std::shared_ptr<Ear> ear_ = std::make_shared<Ear>();
  Tree tree_{{.project_id = kOurs}};
};

class RandomTreeTest : public TreeModelTest, public testing::WithParamInterface<unsigned> {};

TEST_P(RandomTreeTest, NamesAreAsTheRulesSayAndEveryDifferenceIsTold) {
  random_.seed(GetParam());
  for (int i = 0; i < 400 && !HasFailure(); ++i) {
    const State before = state_;
    const auto times_before = times();
    ear_->heard.clear();
    step();
    check_names();
    check_told(before, times_before);
    check_sums();
  }
}

TEST_F(TreeModelTest, ASweepThatChangesEverythingIsToldInOneWord) {
  std::vector<client::ImagePtr> images;
  for (int i = 0; i < 11'000; ++i) {
    Image image;
    image.id = client::new_uuid();
    image.name = "image-" + std::to_string(i);
    image.owner = kOurs;
    image.visibility = Visibility::kPublic;
    images.push_back(std::make_shared<const Image>(std::move(image)));
  }
  tree_.replace(images, std::chrono::steady_clock::now());
  ASSERT_THAT(ear_->heard, testing::SizeIs(1));
  const TreeChanges& told = ear_->heard[0];
  EXPECT_TRUE(told.everything);
  EXPECT_THAT(told.directories, testing::ElementsAre(kPublicNode, kByIdNode));
  EXPECT_THAT(told.names, testing::IsEmpty());
  EXPECT_EQ(listed(kPublicNode).size(), images.size());
  tree_.replace(images, std::chrono::steady_clock::now());
  EXPECT_THAT(ear_->heard, testing::SizeIs(1)) << "nothing has changed";
}

// Under a sanitizer each takes ten seconds.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr unsigned kSeeds = 2;
#else
constexpr unsigned kSeeds = 8;
#endif
INSTANTIATE_TEST_SUITE_P(Seeds, RandomTreeTest, testing::Range(1U, kSeeds + 1));

}  // namespace
}  // namespace glancefs::fs
