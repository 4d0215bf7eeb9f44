#include "fs/catalogue/name_index.h"

#include <charconv>
#include <tuple>

#include "fs/catalogue/names.h"

namespace glancefs::fs {
namespace {

constexpr std::size_t kDigits = 8;

std::uint32_t digits_of(std::string_view id) {
  std::uint32_t value = 0;
  std::from_chars(id.data(), id.data() + std::min(kDigits, id.size()), value, 16);
  return value;
}

auto rank(const TreeItem& item) {
  const client::Image& image = *item.node.image;
  return std::tuple(item.node.ours, !item.node.behind, item.node.upload != nullptr, image.created,
                    std::string_view(image.id));
}

// Ours win over strangers', and the newest over the older. Where only strangers meet, nobody wins
// unless all are of one owner: a look-alike must not take over a trusted path.
class Contest {
 public:
  void enter(TreeItem& candidate) {
    if (best_ == nullptr) {
      best_ = &candidate;
      return;
    }
    if (candidate.node.image->owner != best_->node.image->owner) several_owners_ = true;
    if (rank(candidate) > rank(*best_)) best_ = &candidate;
  }
  TreeItem* winner() const {
    return best_ != nullptr && several_owners_ && !best_->node.ours ? nullptr : best_;
  }

 private:
  TreeItem* best_ = nullptr;
  bool several_owners_ = false;
};

TreeItem* decided_winner(NameGroup& group) {
  if (group.decided) return group.winner;
  Contest contest;
  if (group.key->size() <= kNameMax) {
    for (TreeItem* item = group.first; item != nullptr; item = item->next) contest.enter(*item);
  }
  group.winner = contest.winner();
  group.decided = true;
  return group.winner;
}

}  // namespace

void NameIndex::add(TreeItem& item, std::string key) {
  const auto [at, made] = groups_.try_emplace(std::move(key));
  NameGroup& group = at->second;
  if (made) group.key = &at->first;
  item.group = &group;
  item.previous = nullptr;
  item.next = group.first;
  if (item.next != nullptr) item.next->previous = &item;
  group.first = &item;
  group.decided = false;
  by_digits_.emplace(digits_of(item.node.image->id), &item);
}

void NameIndex::remove(TreeItem& item) {
  NameGroup& group = *item.group;
  (item.previous != nullptr ? item.previous->next : group.first) = item.next;
  if (item.next != nullptr) item.next->previous = item.previous;
  group.decided = false;
  item.group = nullptr;
  by_digits_.erase({digits_of(item.node.image->id), &item});
  if (group.first == nullptr) groups_.erase(groups_.find(*group.key));
}

const NameGroup* NameIndex::group(std::string_view key) {
  const auto found = groups_.find(key);
  return found == groups_.end() ? nullptr : &found->second;
}

TreeItem* NameIndex::plain(std::string_view key) {
  const auto found = groups_.find(key);
  return found == groups_.end() ? nullptr : decided_winner(found->second);
}

bool NameIndex::is_contested(const NameGroup& group) {
  for (const TreeItem* item = group.first; item != nullptr; item = item->next) {
    if (item->node.behind) return true;
  }
  return false;
}

void NameIndex::add_by_alias(std::string_view name, std::vector<const TreeItem*>& found) const {
  const std::uint32_t value = digits_of(name.substr(name.size() - kDigits));
  for (auto at = by_digits_.lower_bound({value, nullptr});
       at != by_digits_.end() && at->first == value; ++at) {
    const TreeItem& item = *at->second;
    if (alias_name(*item.group->key, item.node.image->id) == name) found.push_back(&item);
  }
}

std::string NameIndex::name_of(const TreeItem& item) {
  const std::string& key = *item.group->key;
  if (decided_winner(*item.group) == &item) return key;
  const std::string& id = item.node.image->id;
  const std::uint32_t value = digits_of(id);
  const auto first = by_digits_.lower_bound({value, nullptr});
  const auto second = std::next(first);
  const bool alone = second == by_digits_.end() || second->first != value;
  return alone ? alias_name(key, id) : long_alias_name(key, id);
}

TreeItem* NameIndex::only_namesake(const TreeItem& item) const {
  const std::uint32_t value = digits_of(item.node.image->id);
  TreeItem* other = nullptr;
  for (auto at = by_digits_.lower_bound({value, nullptr});
       at != by_digits_.end() && at->first == value; ++at) {
    if (at->second == &item) continue;
    if (other != nullptr) return nullptr;
    other = at->second;
  }
  return other;
}

}  // namespace glancefs::fs
