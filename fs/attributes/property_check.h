// properties=checked: values of properties are compared with the site's metadata definitions before
// they are sent, since Glance takes any.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>

#include "base/mutex.h"
#include "client/definitions.h"

namespace glancefs::fs {

class PropertyRules;

/// Thread-safe.
class PropertyCheck {
 public:
  /// `enabled`: whether anything is checked. `definitions` must outlive it.
  PropertyCheck(client::Definitions& definitions, bool enabled)
      : definitions_(definitions),
        enabled_(enabled) {}

  /// What values are compared with; null: nothing is checked, because nobody wants it or the site
  /// does not tell, which is logged once. Asks the site the first time, about a second, and again
  /// when that is an hour ago; whoever comes meanwhile waits. Throws ECANCELED after `stop`.
  std::shared_ptr<const PropertyRules> rules(const std::stop_token& stop);

  /// The site is asked again the next time.
  void forget();

 private:
  using Clock = std::chrono::steady_clock;
  std::shared_ptr<const PropertyRules> load(const std::stop_token& stop);

  client::Definitions& definitions_;
  const bool enabled_;

  Mutex mutex_;
  Condition changed_;
  std::shared_ptr<const PropertyRules> rules_ GUARDED_BY(mutex_);
  std::optional<Clock::time_point> until_ GUARDED_BY(mutex_);  ///< when to ask again
  bool loading_ GUARDED_BY(mutex_) = false;
  bool complained_ GUARDED_BY(mutex_) = false;
};

}  // namespace glancefs::fs
