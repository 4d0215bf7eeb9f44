#include "fs/changes.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "client/import_state.h"
#include "fs/destination.h"
#include "fs/stat.h"
#include "fs/unfinished.h"
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
  if (readable_size(*known.image) == size) return;
  if (!known.ours) throw_errno(EACCES, "the image belongs to project " + known.image->owner);
  if (is_being_written(*known.image)) throw_errno(EBUSY, "the image is being written elsewhere");
  throw_errno(EPERM, "the bytes of an image never change");
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
    return renames_.move_upload(known, after, stop);
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
