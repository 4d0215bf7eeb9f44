#include "fs/attributes/patches.h"

#include <memory>
#include <utility>

#include "base/fd.h"
#include "client/change.h"
#include "client/http.h"
#include "fs/write/unfinished.h"

namespace glancefs::fs {
namespace {

using client::Change;
using client::Image;

[[noreturn]] void throw_filled(const Image& image) {
  throw_errno(EBUSY, "image " + image.id + " is " + image.status_word +
                         ": at the end of an upload Glance undoes what was changed meanwhile");
}

void check_keeps(const Image& image, const Change& change) {
  const bool unprotects = change.key == "protected" && change.value == client::Value(false);
  if (is_being_written(image) && !unprotects) throw_filled(image);
}

}  // namespace

Node changeable(const Config& config, const Tree& tree, NodeId node) {
  if (config.read_only) throw_errno(EROFS, "mounted read-only");
  if (node < kFirstImageNode) throw_errno(EPERM, "this is part of the mount, not an image");
  const std::optional<Node> known = tree.node(node);
  if (!known) throw_errno(ENOENT, "the image is gone");
  return *known;
}

Image shown(client::Images& images, Tree& tree, const std::string& id,
            const std::stop_token& stop) {
  std::optional<Image> image = images.show(id, stop);
  if (!image) {
    tree.erase(id);
    throw_errno(ENOENT, "the image is gone");
  }
  return *std::move(image);
}

Image Patches::fresh(const std::string& id, const std::stop_token& stop) {
  Image image = shown(images_, tree_, id, stop);
  tree_.put(std::make_shared<const Image>(image));
  return image;
}

bool Patches::apply(NodeId node, Record record, const Decide& decide, std::stop_token stop) {
  const Turns::Turn turn = turns_.take(node, stop);
  const std::optional<Node> known = tree_.node(node);
  if (!known) throw_errno(ENOENT, "the image is gone");
  if (known->upload) return false;
  const std::string& id = known->image->id;
  // An upload seen a while ago may be over by now.
  const bool ask = record == Record::kFresh || is_being_written(*known->image);
  try {
    send(ask ? fresh(id, stop) : *known->image, decide, stop);
  } catch (const client::HttpError& error) {
    if (error.status() == 404) tree_.erase(id);
    if (error.status() != 409) throw;
    send(fresh(id, stop), decide, stop);
  }
  return true;
}

void Patches::send(const Image& image, const Decide& decide, const std::stop_token& stop) {
  std::vector<Change> changes = decide(image);
  for (const Change& change : changes) check_keeps(image, change);
  std::erase_if(changes, [&](const Change& change) { return shows(image, change); });
  if (changes.empty()) return;
  const Image now = images_.update(image.id, changes, stop);
  tree_.put(std::make_shared<const Image>(now));
  // It has begun since the record was read.
  if (is_being_written(now) && !is_being_written(image)) throw_filled(now);
}

}  // namespace glancefs::fs
