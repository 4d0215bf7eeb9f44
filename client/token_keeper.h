// Keeps the one login that all threads share: when to renew it, and when not to try.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"

namespace glancefs::client {

/// A successful login. Immutable, shared by the requests that use it.
struct Login {
  std::string header, value;  ///< sent with every request; empty: none
  /// When it ends and when to look for the next, on the steady clock; nullopt: never.
  std::optional<std::chrono::steady_clock::time_point> expires, renew;
  std::optional<std::chrono::system_clock::time_point> expires_wall;
  std::string project_id, project_name, user_id, roles;
  bool admin = false;
  bool ours = false;  ///< made here, so to be given back
};
using LoginPtr = std::shared_ptr<const Login>;

/// Thread-safe. One thread at a time makes a login; the others use the old one while it lasts, and
/// wait for the new one otherwise.
class TokenKeeper {
 public:
  /// Makes a login, or throws LoginError.
  using Make = std::function<LoginPtr(std::stop_token)>;
  TokenKeeper(const Clock& clock, Make make) : clock_(clock), make_(std::move(make)) {}

  /// A login that has not expired. A failure to renew early is only logged. Throws LoginError: the
  /// last one, without trying again, for 30 s (doubled each time, up to 5 min) after a refusal,
  /// because Keystone locks accounts after a few, and for 5 s after an outage. Throws
  /// system_error(ECANCELED) after `stop`.
  LoginPtr get(const std::stop_token& stop);

  /// A login to use instead of `rejected`, which the image service did not accept; null when that
  /// has been tried less than 30 s ago. Throws as get(), and keeps the old login then: the image
  /// service also says 401 when it cannot reach Keystone itself.
  LoginPtr replace(const LoginPtr& rejected, const std::stop_token& stop);

  /// The present login, expired or not; null before the first.
  LoginPtr peek() const;
  void put(LoginPtr login);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  LoginPtr renew(const std::stop_token& stop) EXCLUDES(mutex_);
  void wait_while_busy(const std::stop_token& stop) REQUIRES(mutex_);
  void note_failure(int error, std::exception_ptr failure) REQUIRES(mutex_);
  void check_pause() const REQUIRES(mutex_);
  LoginPtr unexpired() const REQUIRES(mutex_);
  /// Whether `login` will do for now: not due, or in the course of being renewed, or the next try
  /// is not due.
  bool good_enough(const LoginPtr& login) const REQUIRES(mutex_);

  const Clock& clock_;
  const Make make_;

  mutable Mutex mutex_;
  Condition changed_;
  LoginPtr login_ GUARDED_BY(mutex_);
  bool busy_ GUARDED_BY(mutex_) = false;
  std::exception_ptr failure_ GUARDED_BY(mutex_);
  TimePoint retry_at_ GUARDED_BY(mutex_);
  std::chrono::seconds refusal_pause_ GUARDED_BY(mutex_){0};
  std::optional<TimePoint> replaced_at_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::client
