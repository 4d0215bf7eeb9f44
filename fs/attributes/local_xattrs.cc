#include "fs/attributes/local_xattrs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "base/log.h"
#include "fs/attributes/image_fields.h"
#include "fs/files.h"
#include "fs/read/blocks.h"
#include "fs/write/unfinished.h"
#include "fs/write/upload.h"

namespace glancefs::fs {
namespace {

std::string flag_text(bool flag) { return flag ? "1" : "0"; }

// "100%" only when it is complete, "sealed" when it is proven, too, so that the kernel may read it
// by itself.
std::string cached_text(const CachedImage& image) {
  if (image.size == 0) return "100%";
  if (image.sealed) return "100% sealed";
  return fmt::format("{}%", image.present == image.size ? 100 : image.present * 100 / image.size);
}

bool switches_read_only(NodeId node, std::string_view name) {
  return node == kRootNode && name == "read_only";
}

}  // namespace

std::optional<std::string> LocalXattrs::get(NodeId node, std::string_view name) const {
  if (switches_read_only(node, name)) return flag_text(config_.read_only);
  const std::optional<Node> known = tree_.node(node);
  if (name == "error") return last_reason(node, known);
  if (!known) return std::nullopt;
  if (name == "cached") return known->upload ? "100%" : cached_text(state(*known->image));
  if (name == "progress") {
    if (known->upload) return known->upload->describe();
    auto copying = copies_.progress(node);
    return copying ? copying : web_imports_.progress(*known->image);
  }
  if (known->upload) return std::nullopt;
  if (name == "prefetch") return flag_text(warm_up_.has(known->image->id));
  if (name == "pin") {
    return flag_text(store_.pinned(cache_key(config_.endpoint, *known->image).source));
  }
  return std::nullopt;
}

std::optional<std::string> LocalXattrs::last_reason(NodeId node,
                                                    const std::optional<Node>& known) const {
  auto reason = failures_.last(node);
  if (reason || !known || known->upload) return reason;
  std::string stuck = stuck_reason(*known->image, std::chrono::system_clock::now());
  return stuck.empty() ? std::nullopt : std::optional(std::move(stuck));
}

CachedImage LocalXattrs::state(const client::Image& image) const {
  const cache::Key key = cache_key(config_.endpoint, image);
  CachedImage state{.source = key.source, .size = image.size.value_or(0), .error = {}};
  state.present = fetcher_.present(image.id).value_or(0);
  state.prefetching = warm_up_.has(image.id);
  state.pinned = store_.pinned(key.source);
  if (state.size == 0) return state;
  try {
    // While it is open this is the entry that the fetcher has.
    const cache::EntryPtr entry = store_.open(key);
    state.sealed = entry->sealed();
    state.present = std::max(state.present, entry->present());
  } catch (const std::system_error& error) {
    log::debug("image {} in the cache: {}", image.id, error.what());
  }
  return state;
}

CachedImage LocalXattrs::state(NodeId node) const {
  CachedImage state = this->state(*at_glance(node).image);
  state.error = get(node, "error");
  return state;
}

void LocalXattrs::drop(NodeId node) {
  const client::ImagePtr image = at_glance(node).image;
  const std::string source = cache_key(config_.endpoint, *image).source;
  if (store_.pinned(source)) throw_errno(EPERM, "the image is pinned; unpin it first");
  warm_up_.remove(image->id);
  store_.drop(source);
}

void LocalXattrs::set(NodeId node, std::string_view name, std::string_view value,
                      std::stop_token stop) {
  if (name == "refresh") {
    checks_.forget();
    return catalogue_.refresh(std::move(stop));
  }
  const bool switches = switches_read_only(node, name);
  if (name != "prefetch" && name != "pin" && name != "upload" && !switches) {
    throw_errno(EPERM, "this attribute only tells");
  }
  const auto truth = parse_truth(value);
  if (!truth) throw_errno(EINVAL, "expected 1 or 0");
  const bool wanted = std::get<bool>(*truth);
  if (switches) return config_.read_only.set(wanted);
  if (name == "upload") {
    if (!wanted) throw_errno(EINVAL, "an upload is asked for with 1; rm ends it");
    return upload(node, std::move(stop));
  }
  return name == "pin" ? pin(node, wanted, std::move(stop))
                       : prefetch(node, wanted, std::move(stop));
}

void LocalXattrs::remove(NodeId node, std::string_view name, std::stop_token stop) {
  if (name != "prefetch" && name != "pin") throw_errno(EPERM, "this attribute only tells");
  set(node, name, "0", std::move(stop));
}

Node LocalXattrs::at_glance(NodeId node) const {
  if (node < kFirstImageNode) throw_errno(EISDIR, "this is not an image");
  const std::optional<Node> known = tree_.node(node);
  if (!known) throw_errno(ESTALE, "the image is gone");
  if (known->upload) throw_errno(EBUSY, "the image is not at Glance yet");
  return *known;
}

client::ImagePtr LocalXattrs::readable(NodeId node, std::stop_token stop) {
  const std::optional<Node> confirmed = catalogue_.confirmed(at_glance(node), std::move(stop));
  if (!confirmed) throw_errno(ENOENT, "the image is gone");
  check_readable(*confirmed->image, config_.is_admin);
  return confirmed->image;
}

void LocalXattrs::prefetch(NodeId node, bool wanted, std::stop_token stop) {
  const client::ImagePtr image = readable(node, std::move(stop));
  if (!wanted) return warm_up_.remove(image->id);
  if (*image->size > 0) warm_up_.add(image);
}

// Now, also what failed before, and what nobody has said to be whole.
void LocalXattrs::upload(NodeId node, std::stop_token stop) {
  const std::optional<Node> known = tree_.node(node);
  if (!known) throw_errno(ESTALE, "the file is gone");
  if (!known->upload) {
    if (web_imports_.retry(*known->image, stop)) return;
    throw_errno(EEXIST, "the image is at Glance already");
  }
  if (known->upload->is_local()) {
    throw_errno(EPERM, "names that begin with a dot stay on this machine; rename it");
  }
  if (!known->upload->wait_for_writers(Uploads::kReleaseTime)) {
    throw_errno(EBUSY, "the file is being written");
  }
  uploads_.publish_now(known->upload, true, std::move(stop));
}

// Whoever pins an image wants it to be here.
void LocalXattrs::pin(NodeId node, bool wanted, std::stop_token stop) {
  const client::ImagePtr image = readable(node, std::move(stop));
  if (!store_.pin(cache_key(config_.endpoint, *image).source, wanted)) {
    throw_errno(ENOTSUP, "the cache cannot be used");
  }
  if (wanted && *image->size > 0) warm_up_.add(image);
}

}  // namespace glancefs::fs
