// user.glance.members: which projects a shared image has been offered to, and what they say. Glance
// keeps that in records of its own, so that every look at it is a request.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "client/images.h"
#include "fs/attributes/member_list.h"
#include "fs/catalogue/tree.h"
#include "fs/turns.h"

namespace glancefs::fs {

/// Thread-safe; all references outlive it. Errors of Glance are thrown as they come.
class Sharing {
 public:
  Sharing(const Config& config, client::Images& images, Tree& tree, Turns& turns)
      : config_(config),
        images_(images),
        tree_(tree),
        turns_(turns) {}

  /// See member_list(): all members of an image of ours, of somebody else's only our own project.
  /// Of a file being written: those it will be offered to. nullopt: none, or not shared. Asks
  /// Glance.
  std::optional<std::string> text(NodeId node, std::stop_token stop) const;

  /// Makes `list`, see parse_member_list(), be the members of `node`, an image: offers it to those
  /// who are none yet and withdraws it from the rest, these first. What is so already costs nothing
  /// but the look. Throws, before anything has changed, EINVAL (not shared, not such a list) and
  /// EPERM: a status that only the project itself can give (administrators can), or a change of
  /// somebody else's image other than our own status there. Where Glance refuses in the middle, the
  /// text says what was done before; to set the same list again completes it.
  void set(const Node& node, std::string_view list, XattrMode mode, std::stop_token stop);

 private:
  const Config& config_;
  client::Images& images_;
  Tree& tree_;
  Turns& turns_;
};

/// Offers `image`, which has just been made, to everybody in `list`, as members_of_file() makes it.
/// Throws as Sharing::set(), EINVAL when it is not shared.
void share_new_image(client::Images& images, const client::Image& image, std::string_view list,
                     const std::stop_token& stop);

}  // namespace glancefs::fs
