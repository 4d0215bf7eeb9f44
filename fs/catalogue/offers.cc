#include "fs/catalogue/offers.h"

#include <cerrno>
#include <vector>

#include "base/fd.h"
#include "base/log.h"
#include "client/http.h"
#include "fs/catalogue/project_name.h"

namespace glancefs::fs {

using client::MemberStatus;

Offers::Offers(OffersConfig config, client::Images& images, Tree& tree)
    : config_(std::move(config)),
      images_(images),
      tree_(tree) {}

bool Offers::due() const {
  if (!tree_.directories().has_offers()) return false;
  const Lock lock(mutex_);
  return std::chrono::steady_clock::now() >= due_;
}

void Offers::ask(std::stop_token stop) {
  if (!tree_.directories().has_offers()) return;
  const Time begun = std::chrono::steady_clock::now();
  {
    const Lock lock(mutex_);
    due_ = begun + config_.ttl;
  }
  std::vector<client::ImagePtr> found;
  const auto collect = [&](client::Image&& image) {
    found.push_back(std::make_shared<const client::Image>(std::move(image)));
  };
  client::ListQuery query;
  query.offers = true;
  try {
    images_.list(query, collect, stop);
    query.hidden = true;
    images_.list(query, collect, stop);
  } catch (const client::HttpError& error) {
    return log::debug("asking for offers: {}", error.what());
  }
  tree_.offer(found, begun);
}

void Offers::move(const Node& node, NodeId from, std::string_view name, NodeId to,
                  std::string_view new_name, std::stop_token stop) {
  if (from == to && name == new_name) return;
  if (node.ours) throw_errno(EACCES, "only other projects' images are offered to this one");
  if (from == to || name != new_name) {
    throw_errno(EACCES, "the image belongs to another project, which alone can rename it");
  }
  if (tree_.find(to, new_name)) {
    throw_errno(EEXIST,
                "there is an image of this name; as NAME~1234abcd, with the first digits of "
                "its id, the other one can be moved");
  }
  if (from == kOffersNode && to == kSharedNode) {
    return answer(node, MemberStatus::kAccepted, std::move(stop));
  }
  if (from == kSharedNode) return answer(node, MemberStatus::kPending, std::move(stop));
  throw_errno(EACCES,
              "the image belongs to another project: mv to shared accepts it, rm rejects it");
}

void Offers::reject(const Node& node, std::stop_token stop) {
  answer(node, MemberStatus::kRejected, std::move(stop));
}

void Offers::check_unlink(const Node& node) const {
  const bool accepted = tree_.directories().has_offers() && !node.ours && !node.upload &&
                        node.image->visibility == client::Visibility::kShared;
  if (!accepted || config_.read_only) return;
  throw_errno(EACCES, "the image belongs to project " +
                          log::printable(project_file_name(node.image->owner)) +
                          ", which alone can delete it; mv to shared/.pending takes back that it "
                          "was accepted, and rm there rejects it");
}

// Nobody tells of offers that are withdrawn, deleted, or made to everybody by now.
void Offers::check_offered(const std::string& id, const std::stop_token& stop) {
  std::optional<client::Image> now = images_.show(id, stop);
  if (now && now->visibility == client::Visibility::kShared) return;
  if (now) {
    tree_.answered(std::make_shared<const client::Image>(*std::move(now)), false);
  } else {
    tree_.erase(id);
  }
  throw_errno(ENOENT, "image " + id + " is not offered any more");
}

void Offers::answer(const Node& node, MemberStatus status, std::stop_token stop) {
  if (config_.read_only) throw_errno(EROFS, "mounted read-only");
  try {
    images_.answer(node.image->id, config_.project_id, status, stop);
  } catch (const client::HttpError& error) {
    if (error.status() / 100 == 4) check_offered(node.image->id, stop);
    throw;
  }
  if (status == MemberStatus::kRejected) {
    tree_.erase(node.image->id);
  } else {
    tree_.answered(node.image, status == MemberStatus::kPending);
  }
}

}  // namespace glancefs::fs
