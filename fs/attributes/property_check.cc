#include "fs/attributes/property_check.h"

#include "base/fd.h"
#include "base/log.h"
#include "client/http.h"
#include "fs/attributes/property_rules.h"
#include "fs/waker.h"

namespace glancefs::fs {
namespace {

constexpr std::chrono::hours kLife{1};
// A site that does not answer is not asked before every change.
constexpr std::chrono::minutes kPause{1};

}  // namespace

std::shared_ptr<const PropertyRules> PropertyCheck::rules(const std::stop_token& stop) {
  if (!enabled_) return nullptr;
  const Waker waker(stop, mutex_, changed_);
  {
    Lock lock(mutex_);
    while (loading_ && !stop.stop_requested()) changed_.wait(mutex_);
    if (stop.stop_requested()) {
      lock.unlock();
      throw_errno(ECANCELED, "interrupted");
    }
    if (until_ && Clock::now() < *until_) return rules_;
    loading_ = true;
  }
  try {
    auto loaded = load(stop);
    const Lock lock(mutex_);
    loading_ = false;
    until_ = Clock::now() + (loaded ? Clock::duration(kLife) : Clock::duration(kPause));
    if (loaded) rules_ = std::move(loaded);
    changed_.notify_all();
    return rules_;
  } catch (...) {
    const Lock lock(mutex_);
    loading_ = false;
    changed_.notify_all();
    throw;
  }
}

// Null: the site did not tell.
std::shared_ptr<const PropertyRules> PropertyCheck::load(const std::stop_token& stop) {
  try {
    auto rules = std::make_shared<const PropertyRules>(definitions_.definitions(stop));
    log::info("the site defines {} properties", rules->size());
    const Lock lock(mutex_);
    complained_ = false;
    return rules;
  } catch (const client::HttpError& error) {
    const Lock lock(mutex_);
    if (!std::exchange(complained_, true)) {
      log::warning("properties are not checked, there are no definitions: {}", error.what());
    }
    return nullptr;
  }
}

void PropertyCheck::forget() {
  const Lock lock(mutex_);
  until_.reset();
}

}  // namespace glancefs::fs
