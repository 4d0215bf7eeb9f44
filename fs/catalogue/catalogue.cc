#include "fs/catalogue/catalogue.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/log.h"
#include "client/http.h"
#include "client/retry.h"
#include "fs/failures.h"

namespace glancefs::fs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// What `updated_at` cannot tell, deletions and lost rights, only a full listing shows. It costs the
// server 0.8 ms an image, a question for changes 10 ms in all.
constexpr int kPollsPerSweep = 10;
// However short the ttl is: then each open asks for itself.
constexpr milliseconds kShortestInterval{500};
constexpr seconds kAskInterval{1};
// Two small requests; every mount of a site makes them, so not all at once, nor for ever.
constexpr client::RetryPolicy kBackOff{
    .attempts = 0, .first_pause = milliseconds(1000), .longest_pause = milliseconds(30'000)};

bool is_outage(const client::HttpError& error) { return client::may_pass(error); }

bool is_outage(const std::exception_ptr& reason) {
  try {
    std::rethrow_exception(reason);
  } catch (const client::HttpError& error) {
    return is_outage(error);
  } catch (...) {
    return false;
  }
}

// Glance or Keystone answered, and will not have us.
bool is_refusal(const client::HttpError& error) {
  return error.status() == 401 || error.status() == 403;
}

}  // namespace

Catalogue::Catalogue(CatalogueConfig config, client::Images& images, Tree& tree,
                     KeptCatalogue* kept)
    : config_(std::move(config)),
      images_(images),
      tree_(tree),
      kept_(kept),
      scans_(images, tree) {
  if (!show_kept()) {
    sweep(true, {});
    begin();
    return;
  }
  begin();
  try {
    await_first();
  } catch (...) {
    end();
    throw;
  }
}

Catalogue::~Catalogue() {
  end();
  if (kept_ == nullptr) return;
  // What this mount changed since the last poll no listing has shown.
  for (client::ImagePtr& image : tree_.touched_since(seen_until())) kept_->put(std::move(image));
}

void Catalogue::begin() {
  worker_ = std::thread([this] { work(); });
}

void Catalogue::end() {
  ending_.request_stop();
  {
    const Lock lock(mutex_);
    changed_.notify_all();
  }
  worker_.join();
}

// The images were right when they were kept. Nobody has confirmed them to us: open() asks for each.
bool Catalogue::show_kept() {
  auto loaded = kept_ != nullptr ? kept_->load() : std::nullopt;
  if (!loaded) return false;
  tree_.merge(loaded->images, Time::min());
  const auto age = std::chrono::system_clock::now() - loaded->taken;
  const Lock lock(mutex_);
  fresh_ = steady_clock::now() - std::max(age, decltype(age)::zero());
  return true;
}

void Catalogue::await_first() {
  const Time until = steady_clock::now() + config_.first_refresh;
  const Lock lock(mutex_);
  while (!begun_ && changed_.wait_until(mutex_, until)) {
  }
  if (failure_ && !(config_.offline && is_outage(failure_))) std::rethrow_exception(failure_);
}

void Catalogue::sweep(bool in_a_hurry, const std::stop_token& stop) {
  const Time begun = steady_clock::now();
  std::vector<client::ImagePtr> found = scans_.all(in_a_hurry, stop);
  tree_.replace(found, begun);
  if (kept_ != nullptr) kept_->replace(std::move(found), begun);
  {
    const Lock lock(mutex_);
    swept_ = begun;
    quota_is_due_ = true;
  }
  answered(begun);
  ask_quota(stop);
}

void Catalogue::poll(const std::stop_token& stop) {
  const Time begun = steady_clock::now();
  const Scans::Changed changed = scans_.changed(stop);
  tree_.merge(changed.images, begun);
  if (kept_ != nullptr) kept_->update(changed.images, begun);
  if (changed.news) {
    const Lock lock(mutex_);
    quota_is_due_ = true;
  }
  answered(begun);
  ask_quota(stop);
}

// What a project uses changes with its images, which the catalogue shows; what it may use, hardly
// ever. So a poll that found nothing does not ask. A listing is worth having without it.
void Catalogue::ask_quota(const std::stop_token& stop) {
  {
    const Lock lock(mutex_);
    if (!std::exchange(quota_is_due_, false)) return;
  }
  try {
    const client::Quota quota = images_.quota(stop);
    const Lock lock(mutex_);
    quota_ = quota;
  } catch (const client::HttpError& error) {
    log::debug("asking for the quota: {}", error.what());
  }
}

void Catalogue::refresh(std::stop_token stop) {
  try {
    sweep(true, stop);
  } catch (...) {
    if (!stop.stop_requested()) failed(std::current_exception());
    throw;
  }
}

bool Catalogue::ask_for_name(const std::string& image_name, std::stop_token stop) {
  const Time begun = steady_clock::now();
  {
    const Lock lock(mutex_);
    if (offline_since_ || begun < asked_ + kAskInterval) return false;
    asked_ = begun;
  }
  std::vector<client::ImagePtr> found;
  try {
    client::ListQuery query{.hidden = false, .updated_since = {}, .name = image_name};
    tree_.directories().limit(query);
    images_.list(
        query,
        [&](client::Image&& image) {
          found.push_back(tree_.shared(std::make_shared<const client::Image>(std::move(image))));
        },
        std::move(stop));
  } catch (const client::HttpError& error) {
    log::debug("asking for a name: {}", error.what());
    const Lock lock(mutex_);
    if (is_outage(error)) not_answered(error.what());
    return false;
  }
  tree_.merge(found, begun);
  return !found.empty();
}

std::optional<Node> Catalogue::confirmed(const Node& node, std::stop_token stop) {
  if (node.upload || steady_clock::now() < node.confirmed + config_.ttl) return node;
  // The worker finds out when it answers again; until then everybody would only wait.
  if (is_offline()) return node;
  const std::string& id = node.image->id;
  try {
    std::optional<client::Image> image = images_.show(id, std::move(stop));
    if (!image) {
      tree_.erase(id);
      if (kept_ != nullptr) kept_->remove(id);
      return std::nullopt;
    }
    const auto record = std::make_shared<const client::Image>(std::move(*image));
    tree_.put(record);
    const bool listed = !tree_.directories().is_offered(*record);
    if (kept_ != nullptr && listed) kept_->put(record);
  } catch (const client::HttpError& error) {
    if (is_refusal(error)) throw;
    log::debug("confirming {}: {}", id, error.what());
    const Lock lock(mutex_);
    if (is_outage(error)) not_answered(error.what());
  }
  return tree_.node(node.id);
}

void Catalogue::removed(const std::string& id) {
  if (kept_ != nullptr) kept_->remove(id);
  const Lock lock(mutex_);
  quota_is_due_ = true;
}

Freshness Catalogue::freshness() const {
  const Lock lock(mutex_);
  return {.age = std::chrono::duration_cast<seconds>(steady_clock::now() - fresh_),
          .offline_since = offline_since_,
          .trouble = trouble_};
}

client::Quota Catalogue::quota() const {
  const Lock lock(mutex_);
  return quota_;
}

bool Catalogue::has_begun() const {
  const Lock lock(mutex_);
  return begun_;
}

Catalogue::Time Catalogue::seen_until() const {
  const Lock lock(mutex_);
  return fresh_;
}

bool Catalogue::is_offline() const {
  const Lock lock(mutex_);
  return offline_since_.has_value();
}

void Catalogue::answered(Time begun) {
  const Lock lock(mutex_);
  // As loud as the loss of it: who reads of the one wants to know of the other.
  if (offline_since_) log::warning("the cloud answers again");
  offline_since_.reset();
  trouble_.clear();
  failure_ = nullptr;
  failures_ = 0;
  fresh_ = begun;
  due_ = steady_clock::now() + std::max(config_.ttl, kShortestInterval);
  begun_ = true;
  changed_.notify_all();
}

void Catalogue::failed(const std::exception_ptr& reason) {
  const std::string text = describe(reason);
  const Lock lock(mutex_);
  if (is_outage(reason)) {
    not_answered(text);
  } else if (trouble_.empty() || offline_since_) {
    // Whoever refuses us does answer.
    offline_since_.reset();
    log::warning("the catalogue could not be refreshed: {}", text);
  }
  trouble_ = text;
  failure_ = reason;
  ++failures_;
  due_ = steady_clock::now() +
         client::pause_before_retry(kBackOff, failures_, std::nullopt, client::random_jitter());
  begun_ = true;
  changed_.notify_all();
}

// The worker is to find out soon when it answers again.
void Catalogue::not_answered(const std::string& reason) {
  if (offline_since_) return;
  offline_since_ = std::chrono::floor<seconds>(std::chrono::system_clock::now());
  trouble_ = reason;
  due_ = std::min(due_, steady_clock::now() + kBackOff.first_pause);
  changed_.notify_all();
  log::warning("the cloud does not answer, the last catalogue stands: {}", reason);
}

bool Catalogue::sweep_is_due() const {
  const Lock lock(mutex_);
  return steady_clock::now() >= swept_ + kPollsPerSweep * std::max(config_.ttl, kShortestInterval);
}

// False: it is all over.
bool Catalogue::wait_until_due() {
  const Lock lock(mutex_);
  while (!ending_.stop_requested() && steady_clock::now() < due_) {
    changed_.wait_until(mutex_, due_);
  }
  return !ending_.stop_requested();
}

void Catalogue::work() {
  while (wait_until_due()) {
    try {
      if (sweep_is_due()) {
        // For the first one a mount may be waiting.
        sweep(!has_begun(), ending_.get_token());
        if (config_.swept) config_.swept(ending_.get_token());
      } else {
        poll(ending_.get_token());
      }
    } catch (...) {
      if (!ending_.stop_requested()) failed(std::current_exception());
    }
  }
}

}  // namespace glancefs::fs
