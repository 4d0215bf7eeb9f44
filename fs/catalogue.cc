#include "fs/catalogue.h"

#include <fmt/format.h>

#include <vector>

#include "base/log.h"
#include "fs/failures.h"

namespace glancefs::fs {
namespace {

// What `updated_at` cannot tell, deletions and lost rights, only a full listing shows. It costs the
// server 0.8 ms an image, a question for changes 10 ms in all.
constexpr int kPollsPerSweep = 10;
// Times are whole seconds and servers' clocks differ a little.
constexpr std::chrono::seconds kOverlap{5};
constexpr std::chrono::seconds kAskInterval{1};

// A listing is worth having without it.
client::Quota ask_quota(client::Images& images, const std::stop_token& stop) {
  try {
    return images.quota(stop);
  } catch (const client::HttpError& error) {
    log::debug("asking for the quota: {}", error.what());
    return {};
  }
}

}  // namespace

Catalogue::Catalogue(CatalogueConfig config, client::Images& images, Tree& tree)
    : config_(std::move(config)),
      images_(images),
      tree_(tree) {
  scan(std::nullopt, {});
  worker_ = std::thread([this] { work(); });
}

Catalogue::~Catalogue() {
  ending_.request_stop();
  {
    Lock lock(mutex_);
    changed_.notify_all();
  }
  worker_.join();
}

void Catalogue::scan(std::optional<std::chrono::sys_seconds> since, std::stop_token stop) {
  const Time begun = std::chrono::steady_clock::now();
  std::vector<client::ImagePtr> found;
  const auto collect = [&](client::Image&& image) {
    found.push_back(tree_.shared(std::move(image)));
  };
  for (const bool hidden : {false, true}) {
    client::ListQuery query{.hidden = hidden, .updated_since = since, .name = {}};
    tree_.directories().limit(query);
    images_.list(query, collect, stop);
  }
  if (since) {
    tree_.merge(found, begun);
  } else {
    tree_.replace(found, begun);
  }
  const client::Quota quota = ask_quota(images_, stop);
  Lock lock(mutex_);
  quota_ = quota;
  fresh_ = begun;
  trouble_.clear();
}

void Catalogue::refresh(std::stop_token stop) { scan(std::nullopt, std::move(stop)); }

bool Catalogue::ask_for_name(const std::string& image_name, std::stop_token stop) {
  {
    Lock lock(mutex_);
    const Time now = std::chrono::steady_clock::now();
    if (now < asked_ + kAskInterval) return false;
    asked_ = now;
  }
  const Time begun = std::chrono::steady_clock::now();
  std::vector<client::ImagePtr> found;
  try {
    client::ListQuery query{.hidden = false, .updated_since = {}, .name = image_name};
    tree_.directories().limit(query);
    images_.list(
        query, [&](client::Image&& image) { found.push_back(tree_.shared(std::move(image))); },
        std::move(stop));
  } catch (const client::HttpError& error) {
    log::debug("asking for a name: {}", error.what());
    return false;
  }
  tree_.merge(found, begun);
  return !found.empty();
}

std::optional<Node> Catalogue::confirmed(const Node& node, std::stop_token stop) {
  if (node.upload || std::chrono::steady_clock::now() < node.confirmed + config_.ttl) return node;
  try {
    std::optional<client::Image> image = images_.show(node.image->id, std::move(stop));
    if (!image) {
      tree_.erase(node.image->id);
      return std::nullopt;
    }
    tree_.put(std::make_shared<const client::Image>(std::move(*image)));
  } catch (const client::HttpError& error) {
    log::debug("confirming {}: {}", node.image->id, error.what());
  }
  return tree_.node(node.id);
}

std::chrono::seconds Catalogue::age() const {
  Lock lock(mutex_);
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() -
                                                          fresh_);
}

client::Quota Catalogue::quota() const {
  Lock lock(mutex_);
  return quota_;
}

std::string Catalogue::trouble() const {
  Lock lock(mutex_);
  return trouble_;
}

void Catalogue::work() {
  for (int round = 1;; ++round) {
    {
      Lock lock(mutex_);
      const Time next = std::chrono::steady_clock::now() + config_.ttl;
      while (!ending_.stop_requested() && changed_.wait_until(mutex_, next)) {
      }
      if (ending_.stop_requested()) return;
    }
    try {
      const auto newest = tree_.newest_update();
      const bool sweep = round % kPollsPerSweep == 0 || !newest;
      scan(sweep ? std::nullopt : std::optional(*newest - kOverlap), ending_.get_token());
      if (sweep && config_.swept) config_.swept(ending_.get_token());
    } catch (...) {
      const std::string text = describe(std::current_exception());
      Lock lock(mutex_);
      if (!ending_.stop_requested() && trouble_.empty()) {
        log::warning("the catalogue could not be refreshed: {}", text);
      }
      trouble_ = text;
    }
  }
}

}  // namespace glancefs::fs
