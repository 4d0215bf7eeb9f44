#include "fs/attributes/renames.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

#include "base/fd.h"
#include "base/log.h"
#include "fs/attributes/patches.h"
#include "fs/catalogue/names.h"
#include "fs/catalogue/new_name.h"

namespace glancefs::fs {

using client::Change;
using client::Image;

Node Renames::existing(NodeId directory, std::string_view name) const {
  if (config_.read_only) throw_errno(EROFS, "mounted read-only");
  if (directory == kRootNode || directory == kControlNode) {
    throw_errno(EPERM, "this is part of the mount, not an image");
  }
  const std::optional<Node> node = tree_.find(directory, name);
  if (!node) throw_errno(ENOENT, "there is no image of this name");
  return *node;
}

// An administrator may change what belongs to others; whether it is so, Glance knows.
void Renames::check_ours(const Node& node) const {
  if (node.ours || config_.is_admin) return;
  throw_errno(EACCES, "image " + node.image->id + " belongs to project " + node.image->owner);
}

Image Renames::fresh(const Node& node, const std::stop_token& stop) {
  Image now = shown(images_, tree_, node.image->id, stop);
  if (now.name == node.image->name && now.visibility == node.image->visibility &&
      now.hidden == node.image->hidden) {
    return now;
  }
  tree_.put(std::make_shared<const Image>(now));
  throw_errno(ENOENT, "image " + now.id + " has been renamed or hidden elsewhere");
}

Image Renames::update(const std::string& id, const std::vector<Change>& changes,
                      std::stop_token stop) {
  try {
    Image image = images_.update(id, changes, std::move(stop));
    tree_.put(std::make_shared<const Image>(image));
    return image;
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::no_such_file_or_directory) tree_.erase(id);
    throw;
  }
}

void Renames::unlink(NodeId parent, std::string_view name, std::stop_token stop) {
  const Node node = existing(parent, name);
  // What never was at Glance is nobody's image yet: programs remove their temporary files.
  if (!config_.allow_delete && !(node.upload && !node.upload->found())) {
    throw_errno(EPERM, "mounted with delete=no");
  }
  if (node.upload) return uploads_.remove(node.upload, std::move(stop));
  check_ours(node);
  const Turns::Turn turn = turns_.take(node.id, stop);
  const Image now = fresh(node, stop);
  if (now.is_protected) throw_errno(EPERM, "image " + now.id + " is protected");
  uploads_.removals().remove(now, std::move(stop));
}

Renames::Place Renames::place(NodeId directory, std::string_view name, unsigned flags) const {
  const auto visibility = tree_.directories().visibility(directory);
  if (!visibility) throw_errno(EPERM, "images live in the directories of visibility");
  std::optional<Node> holder = tree_.find(directory, name);
  if (holder && (!config_.replace || (flags & static_cast<unsigned>(RENAME_NOREPLACE)) != 0)) {
    throw_errno(EEXIST, config_.replace ? "there is an image of this name"
                                        : "there is an image of this name, and without "
                                          "overwrite=replace none is replaced");
  }
  std::string image_name = new_image_name(tree_, name);
  if (holder) uploads_.removals().check_replaceable(*holder);
  return {.directory = directory,
          .visibility = *visibility,
          .name = std::move(image_name),
          .holder = std::move(holder)};
}

void Renames::rename(NodeId from, std::string_view name, NodeId to, std::string_view new_name,
                     unsigned flags, std::stop_token stop) {
  if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0) {
    throw_errno(EINVAL, "images cannot be exchanged");
  }
  const Node node = existing(from, name);
  if (!tree_.directories().visibility(from)) {
    throw_errno(EPERM, "this is the image's id; rename it where it has a name");
  }
  const auto target = tree_.find(to, new_name);
  if (target && target->id == node.id) return;
  const Place goal = place(to, new_name, flags);
  if (node.upload) {
    return rename_upload(node,
                         {.visibility = goal.visibility,
                          .name = goal.name,
                          .replaces = goal.holder ? goal.holder->image->id : ""},
                         std::move(stop));
  }
  check_ours(node);
  rename_image(node, goal, std::move(stop));
}

void Renames::rename_image(const Node& node, const Place& place, std::stop_token stop) {
  // Both turns in one order, whichever way the two are renamed.
  const NodeId other = place.holder ? place.holder->id : node.id;
  const Turns::Turn first = turns_.take(std::min(node.id, other), stop);
  std::optional<Turns::Turn> second;
  if (other != node.id) turns_.take(std::max(node.id, other), stop, second);

  const Image before = fresh(node, stop);
  // `ln -sf` has a new image fetched under another name first.
  if (place.holder && before.status != client::Status::kActive) {
    throw_errno(EBUSY, "image " + before.id + " is " + before.status_word + ", it replaces none");
  }
  std::vector<Change> changes, back;
  if (before.name != place.name) {
    changes.push_back({.key = "name", .value = place.name});
    back.push_back({.key = "name", .value = before.name.value_or("")});
  }
  if (before.visibility != place.visibility) {
    changes.push_back({.key = "visibility", .value = std::string(to_string(place.visibility))});
    back.push_back({.key = "visibility", .value = std::string(to_string(before.visibility))});
  }
  const Image after = changes.empty() ? before : update(before.id, changes, stop);
  if (!place.holder) return;
  try {
    uploads_.removals().take_place(place.holder->image->id, after, stop);
  } catch (...) {
    const std::exception_ptr reason = std::current_exception();
    try {
      if (!back.empty()) update(before.id, back, {});
    } catch (const std::system_error& error) {
      log::error("image {} keeps its new name, and so does the one it was to replace: {}",
                 before.id, error.what());
    }
    std::rethrow_exception(reason);
  }
}

// rsync writes ".NAME.XXXXXX" and then gives it its name: that is the moment the file is whole, and
// the last one at which an error reaches the program.
void Renames::rename_upload(const Node& node, const Upload::Place& place, std::stop_token stop) {
  Upload& upload = *node.upload;
  const bool named = upload.is_local() && !is_local_name(escape_name(place.name));
  const bool whole = named && !upload.has_writers() && upload.dirty() && !upload.held();
  const Upload::Place former = upload.place();
  uploads_.move(node.upload, place, whole);
  if (!named) return;
  try {
    if (whole || (upload.dirty() && upload.wait_for_writers(Uploads::kReleaseTime))) {
      return uploads_.publish(node.upload, std::move(stop));
    }
  } catch (...) {
    const std::exception_ptr reason = std::current_exception();
    uploads_.move_back(node.upload, former);
    std::rethrow_exception(reason);
  }
  uploads_.publish_later(node.upload);
}

}  // namespace glancefs::fs
