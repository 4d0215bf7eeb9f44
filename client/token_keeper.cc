#include "client/token_keeper.h"

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "base/log.h"
#include "client/session.h"

namespace glancefs::client {
namespace {

constexpr std::chrono::seconds kFirstRefusalPause{30};
constexpr std::chrono::seconds kLongestRefusalPause{300};
constexpr std::chrono::seconds kOutagePause{5};
constexpr std::chrono::seconds kReplacePause{30};

bool is_outage(int error) { return error == EHOSTUNREACH || error == ETIMEDOUT || error == EIO; }

}  // namespace

LoginPtr TokenKeeper::peek() const {
  const Lock lock(mutex_);
  return login_;
}

void TokenKeeper::put(LoginPtr login) {
  const Lock lock(mutex_);
  login_ = std::move(login);
  failure_ = nullptr;
  refusal_pause_ = {};
  changed_.notify_all();
}

void TokenKeeper::wait_while_busy(const std::stop_token& stop) {
  while (busy_ && !stop.stop_requested()) changed_.wait(mutex_);
  if (stop.stop_requested()) throw_errno(ECANCELED, "stopped while waiting for a login");
}

void TokenKeeper::check_pause() const {
  if (failure_ && clock_.steady() < retry_at_) std::rethrow_exception(failure_);
}

LoginPtr TokenKeeper::unexpired() const {
  return login_ && (!login_->expires || clock_.steady() < *login_->expires) ? login_ : nullptr;
}

bool TokenKeeper::good_enough(const LoginPtr& login) const {
  if (!login) return false;
  const TimePoint now = clock_.steady();
  const bool due = login->renew && now >= *login->renew;
  return !due || busy_ || (failure_ && now < retry_at_);
}

LoginPtr TokenKeeper::get(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    const Lock lock(mutex_);
    changed_.notify_all();
  });
  LoginPtr old;
  {
    const Lock lock(mutex_);
    old = unexpired();
    while (busy_ && !good_enough(old)) {
      wait_while_busy(stop);
      old = unexpired();
    }
    if (good_enough(old)) return old;
    check_pause();
    busy_ = true;
  }
  try {
    return renew(stop);
  } catch (const LoginError& error) {
    if (!old) throw;
    log::warning("the token could not be renewed: {}", error.text());
    return old;
  }
}

LoginPtr TokenKeeper::replace(const LoginPtr& rejected, const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    const Lock lock(mutex_);
    changed_.notify_all();
  });
  {
    const Lock lock(mutex_);
    wait_while_busy(stop);
    if (login_ != rejected) return login_;
    const TimePoint now = clock_.steady();
    const bool expired = login_ && login_->expires && now >= *login_->expires;
    if (!expired && replaced_at_ && now < *replaced_at_ + kReplacePause) return nullptr;
    check_pause();
    busy_ = true;
  }
  LoginPtr fresh = renew(stop);
  const Lock lock(mutex_);
  replaced_at_ = clock_.steady();
  return fresh;
}

// REQUIRES busy_, set by this thread.
LoginPtr TokenKeeper::renew(const std::stop_token& stop) {
  try {
    LoginPtr fresh = make_(stop);
    const Lock lock(mutex_);
    login_ = fresh;
    busy_ = false;
    failure_ = nullptr;
    refusal_pause_ = {};
    changed_.notify_all();
    return fresh;
  } catch (const std::system_error& error) {
    const Lock lock(mutex_);
    busy_ = false;
    // Who was told to stop has found out nothing: the next thread tries for itself.
    if (error.code().value() != ECANCELED) {
      note_failure(error.code().value(), std::current_exception());
    }
    changed_.notify_all();
    throw;
  } catch (...) {
    const Lock lock(mutex_);
    busy_ = false;
    changed_.notify_all();
    throw;
  }
}

void TokenKeeper::note_failure(int error, std::exception_ptr failure) {
  failure_ = std::move(failure);
  std::chrono::seconds wait = kOutagePause;
  if (!is_outage(error)) {
    refusal_pause_ = refusal_pause_.count() == 0
                         ? kFirstRefusalPause
                         : std::min(refusal_pause_ * 2, kLongestRefusalPause);
    wait = refusal_pause_;
  }
  retry_at_ = clock_.steady() + wait;
}

}  // namespace glancefs::client
