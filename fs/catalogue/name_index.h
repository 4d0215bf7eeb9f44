// The names of one directory of images: who has the plain name, who an alias (doc/SEMANTICS.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fs/catalogue/node.h"

namespace glancefs::fs {

struct TreeItem;

/// All images of a directory that would like to have the same name.
struct NameGroup {
  const std::string* key = nullptr;  ///< that name, as a file name
  TreeItem* first = nullptr;         ///< the others by TreeItem::next
  TreeItem* winner = nullptr;        ///< who has it; null: nobody
  bool decided = false;              ///< whether `winner` is right
};

/// An image as Tree and NameIndex keep it. Its address must not change.
struct TreeItem {
  Node node;
  std::chrono::steady_clock::time_point touched;  ///< when it was last changed here
  NodeId directory = 0;                           ///< 0: in none
  NameGroup* group = nullptr;                     ///< null: in none
  TreeItem* previous = nullptr;                   ///< in the group
  TreeItem* next = nullptr;
  std::uint64_t sweep = 0;  ///< the last complete listing that showed it
};

/// The items of one directory by name. Every question takes about the same time however many there
/// are, but for aliases of one name whose ids also share their first eight digits. Not thread-safe.
/// REQUIRES of items: outlive their stay, and a lower-case UUID.
class NameIndex {
 public:
  /// `key`: the file name it would like to have. REQUIRES it is in no index.
  void add(TreeItem& item, std::string key);
  /// REQUIRES it is in this index.
  void remove(TreeItem& item);
  /// What decides about the winner (owner, upload, time) has changed. REQUIRES as remove().
  static void rank_changed(TreeItem& item) noexcept { item.group->decided = false; }

  std::size_t size() const noexcept { return by_digits_.size(); }
  /// The images that would like to have `key`; null: none.
  const NameGroup* group(std::string_view key);
  /// Who is shown as `key`; null: nobody.
  TreeItem* plain(std::string_view key);
  /// Whether somebody waits for the name of `group`, see Node::contested.
  static bool is_contested(const NameGroup& group);
  /// Appends to `found` all who may be meant by the alias "NAME~<eight digits>", listed so or not.
  void add_by_alias(std::string_view name, std::vector<const TreeItem*>& found) const;
  /// The name under which an item is listed.
  std::string name_of(const TreeItem& item);
  /// The one other item whose first eight digits are those of `item`, while there is just one: its
  /// listed name depends on whether `item` is here. Null: none, or several.
  TreeItem* only_namesake(const TreeItem& item) const;
  /// All items.
  template <typename Each>
  void for_each(Each&& each) {
    for (auto& [key, group] : groups_) {
      for (TreeItem* item = group.first; item != nullptr; item = item->next) each(*item);
    }
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };
  using Digits = std::pair<std::uint32_t, TreeItem*>;

  std::unordered_map<std::string, NameGroup, Hash, std::equal_to<>> groups_;
  std::set<Digits> by_digits_;
};

}  // namespace glancefs::fs
