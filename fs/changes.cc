#include "fs/changes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>

#include "base/fd.h"
#include "client/import_state.h"
#include "fs/destination.h"
#include "fs/names.h"
#include "fs/xattrs.h"

namespace glancefs::fs {
namespace {

std::string_view key_of_xattr(std::string_view name) {
  if (!name.starts_with(kXattrPrefix)) {
    throw_errno(ENOTSUP, "only user.glance.* attributes can be set");
  }
  return name.substr(kXattrPrefix.size());
}

}  // namespace

Node Changes::existing(NodeId directory, std::string_view name) const {
  if (config_.read_only) throw_errno(EROFS, "mounted read-only");
  if (directory == kRootNode || directory == kControlNode) {
    throw_errno(EPERM, "this is part of the mount, not an image");
  }
  const std::optional<Node> node = tree_.find(directory, name);
  if (!node) throw_errno(ENOENT, "there is no image of this name");
  return *node;
}

Node Changes::changeable(NodeId node) const {
  if (config_.read_only) throw_errno(EROFS, "mounted read-only");
  if (node < kFirstImageNode) throw_errno(EPERM, "this is part of the mount, not an image");
  const std::optional<Node> known = tree_.node(node);
  if (!known) throw_errno(ENOENT, "the image is gone");
  return *known;
}

// REQUIRES the node's turn, so that `changes` fit the record they were made for.
void Changes::update(const Node& node, const std::vector<client::Change>& changes,
                     std::stop_token stop) {
  client::Image image = images_.update(node.image->id, changes, std::move(stop));
  tree_.put(std::make_shared<const client::Image>(std::move(image)));
}

void Changes::unlink(NodeId parent, std::string_view name, std::stop_token stop) {
  const Node node = existing(parent, name);
  if (!config_.allow_delete) throw_errno(EPERM, "mounted with delete=no");
  if (node.upload) return uploads_.remove(node.upload, std::move(stop));
  if (node.image->is_protected) throw_errno(EPERM, "the image is protected");
  const Turns::Turn turn = turns_.take(node.id, stop);
  images_.remove(node.image->id, std::move(stop));
  tree_.erase(node.image->id);
  uploads_.settlements().image_removed(node.image->id);
}

void Changes::rename(NodeId from, std::string_view name, NodeId to, std::string_view new_name,
                     unsigned flags, std::stop_token stop) {
  if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0) {
    throw_errno(EINVAL, "images cannot be exchanged");
  }
  const Node node = existing(from, name);
  const auto visibility = visibility_of_directory(to);
  if (!visibility) throw_errno(EPERM, "images live in the four directories of visibility");
  if (const auto target = tree_.find(to, new_name)) {
    if (target->id == node.id) return;
    throw_errno(EEXIST, "there is an image of this name, and images are never replaced");
  }
  const std::string image_name = unescape_name(new_name);
  if (const int error = check_new_name(image_name)) throw_errno(error, "Glance takes no such name");
  if (escape_name(image_name) != new_name) {
    throw_errno(EINVAL, "names of this form stand for images that exist");
  }
  if (node.upload) return rename_upload(node, to, image_name, std::move(stop));

  const Turns::Turn turn = turns_.take(node.id, stop);
  std::vector<client::Change> changes;
  if (node.image->name != image_name) changes.push_back({.key = "name", .value = image_name});
  if (node.image->visibility != *visibility) {
    changes.push_back({.key = "visibility", .value = std::string(to_string(*visibility))});
  }
  if (!changes.empty()) update(node, changes, std::move(stop));
}

// rsync writes ".NAME.XXXXXX" and then gives it its name: that is the moment the file is whole, and
// the last one at which an error reaches the program.
void Changes::rename_upload(const Node& node, NodeId to, const std::string& image_name,
                            std::stop_token stop) {
  Upload& upload = *node.upload;
  const bool named = upload.is_local() && !is_local_name(escape_name(image_name));
  const bool whole = named && !upload.has_writers() && upload.dirty() && !upload.held();
  upload.move(to, image_name, whole);
  tree_.put(std::make_shared<const client::Image>(upload.image()), node.upload);
  if (!named) return;
  if (whole || (upload.dirty() && upload.wait_for_writers(Uploads::kReleaseTime))) {
    return uploads_.publish(node.upload, std::move(stop));
  }
  uploads_.publish_later(node.upload);
}

// The owner's write bit is Glance's protection, which is against deletion.
void Changes::set_mode(NodeId node, mode_t mode, std::stop_token stop) {
  const Node known = changeable(node);
  // Copying programs set the mode of what they write; that must not protect the image.
  if (known.upload) return;
  const bool protect = (mode & S_IWUSR) == 0;
  if (protect == known.image->is_protected) return;
  const Turns::Turn turn = turns_.take(known.id, stop);
  update(known, {{.key = "protected", .value = protect}}, std::move(stop));
}

void Changes::set_size(NodeId node, std::uint64_t size) {
  const Node known = changeable(node);
  if (known.upload) {
    known.upload->truncate(size);
    return uploads_.publish_later(known.upload);
  }
  if (known.image->size != size) throw_errno(EPERM, "the bytes of an image never change");
}

// Of a file being written they say where it shall go. Refused here, a program that copies
// attributes can go on without them.
client::Change Changes::stores_change(std::string_view value, std::stop_token stop) {
  Destination destination{.import = false, .stores = client::split_list(value)};
  if (destination.stores.empty()) {
    throw_errno(EINVAL, "user.glance.stores takes names of stores, separated by commas");
  }
  check_destination(destination, images_, std::move(stop));
  return {.key = std::string(kStoresKey),
          .value = fmt::format("{}", fmt::join(destination.stores, ","))};
}

void Changes::set_xattr(NodeId node, std::string_view name, std::string_view value, XattrMode mode,
                        std::stop_token stop) {
  const std::string_view key = key_of_xattr(name);
  const Turns::Turn turn = turns_.take(node, stop);
  const Node known = changeable(node);
  const client::Image image = known.upload ? known.upload->image() : *known.image;
  if (mode != XattrMode::kSet) {
    const bool exists = field_text(image, key).has_value();
    if (exists && mode == XattrMode::kCreate) throw_errno(EEXIST, "the attribute exists");
    if (!exists && mode == XattrMode::kReplace) throw_errno(ENODATA, "no such attribute");
  }
  const bool stores = known.upload && key == kStoresKey;
  const std::optional<client::Change> change =
      stores ? stores_change(value, stop) : set_change(image, key, value);
  if (!change) return;
  const bool places = key == "name" || key == "visibility";
  if (known.upload && places && known.upload->state() != Upload::State::kUploading) {
    client::Image after = image;
    apply_change(after, *change);
    return rename_upload(known, directory_of(after.visibility), after.name.value_or(""), stop);
  }
  if (known.upload) {
    const std::string text = stores ? std::get<std::string>(*change->value) : std::string(value);
    uploads_.formats().check_word(key, value);
    known.upload->apply(*change, key, text);
    // Whoever sets something on a file that was refused is putting right what it was refused for.
    if (known.upload->state() == Upload::State::kFailed) uploads_.publish_later(known.upload);
    return;
  }
  update(known, {*change}, std::move(stop));
}

void Changes::remove_xattr(NodeId node, std::string_view name, std::stop_token stop) {
  const std::string_view key = key_of_xattr(name);
  const Turns::Turn turn = turns_.take(node, stop);
  const Node known = changeable(node);
  const client::Image image = known.upload ? known.upload->image() : *known.image;
  const bool stores = known.upload && key == kStoresKey && field_text(image, key);
  const client::Change change =
      stores ? client::Change{.key = std::string(key), .value = {}} : remove_change(image, key);
  if (known.upload) return remove_from_upload(known, change, std::move(stop));
  update(known, {change}, std::move(stop));
}

// The journal keeps what was set. What somebody else's queued image has must go there and then.
void Changes::remove_from_upload(const Node& node, const client::Change& change,
                                 std::stop_token stop) {
  Upload& upload = *node.upload;
  const bool at_glance = upload.found() && !change.value && change.key != kStoresKey;
  if (at_glance && upload.state() != Upload::State::kUploading) {
    try {
      images_.update(upload.id(), {change}, std::move(stop));
    } catch (const client::HttpError& error) {
      // It was only set here, or the image is gone.
      if (error.status() != 409 && error.status() != 404) throw;
    }
  }
  client::Image after = upload.image();
  apply_change(after, change);
  upload.apply(change, change.key, field_text(after, change.key).value_or(""));
}

}  // namespace glancefs::fs
