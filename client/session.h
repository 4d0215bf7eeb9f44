// A Transport with a login: Keystone v3.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "client/cloud.h"
#include "client/http.h"
#include "client/identity.h"
#include "client/token_keeper.h"

namespace glancefs::client {

/// A login failed in a way that concerns the person who mounts. code() is an errno; what() one line
/// that names the cloud, hint() an optional second one.
class LoginError : public std::system_error {
 public:
  LoginError(int error, const std::string& what, std::string hint = {})
      : std::system_error(error, std::generic_category(), what),
        text_(what),
        hint_(std::move(hint)) {}
  /// Nobody said no: the servers could not be reached, or are in trouble themselves.
  bool is_outage() const noexcept;
  /// what() without the errno's text that system_error appends.
  const std::string& text() const noexcept { return text_; }
  const std::string& hint() const noexcept { return hint_; }

 private:
  std::string text_;
  std::string hint_;
};

/// How often and how long idempotent requests are repeated.
struct RetryPolicy {
  int attempts = 4;                               ///< in all
  std::chrono::milliseconds first_pause{500};     ///< doubled each time, with jitter
  std::chrono::milliseconds longest_pause{8000};  ///< also bounds an obeyed Retry-After
};

/// Adds the token to requests, renews it before it expires and after a 401, finds the image
/// endpoint, repeats what may be repeated. Thread-safe; one login serves all threads: who finds it
/// due for renewal makes the next, while the others go on with the old one as long as it lasts.
class Session {
 public:
  /// `transport` must outlive the session. Nothing is sent before log_in() or the first call().
  Session(Cloud cloud, Transport& transport, const Clock& clock, RetryPolicy retry = {});
  ~Session();

  /// Logs in and chooses the endpoint, or throws LoginError with the text that mount prints. One
  /// try: Keystone locks accounts after a few wrong passwords.
  void log_in(std::stop_token stop);

  /// Goes on without a login, since the cloud cannot be reached, as who an earlier process was: the
  /// first call() that reaches it logs in. Whoever that then is must see the same images, or the
  /// login counts as refused. Throws LoginError when it is known already that he does not.
  void assume(const Identity& identity);

  /// Makes `request`, whose url is a path on the image endpoint ("/v2/…"), and answers what came
  /// with a 2xx status. Throws HttpError for any other status or none. Repeats after 429, 5xx but
  /// 501 and lost connections when `repeatable`; after one renewed login on 401. A Keystone that
  /// does not answer then is EHOSTUNREACH; one that refuses, EACCES, also for the next 30 s and
  /// more without asking again. `source` is restarted for a repetition, `sink` must bear being
  /// begun again when `repeatable`. While nothing answers at all, each call is one try, so that
  /// whoever asks hears of it soon. Requests without `source` and `sink` get a time limit of 60 s
  /// unless they bring one.
  Response call(Request request, Operation operation, bool repeatable, Source* source, Sink* sink,
                std::stop_token stop);

  /// Logs in by what `cloud` says now, as after a password or application credential was changed,
  /// and goes on with that. One try. LoginError, also when that login would see other images than
  /// the present one; that one then stays. How servers are reached and trusted is the transport's
  /// and stays as it is.
  void log_in_anew(Cloud cloud, const std::stop_token& stop);

  std::shared_ptr<const Cloud> cloud() const;
  /// For callers who repeat by themselves, because they know better where to begin again.
  RetryPolicy retry() const noexcept;
  /// Where images are, without /v2: known after log_in().
  std::string endpoint() const;
  /// Whose the login is; that of assume() before there is one.
  Identity identity() const;
  /// When the token ends; nullopt when it does not or is not known.
  std::optional<std::chrono::system_clock::time_point> expires() const;
  /// Gives the token back to Keystone, if it was made here. Never throws.
  void log_out() noexcept;

 private:
  bool has_keystone() const;
  LoginPtr authenticate(const std::stop_token& stop);
  LoginPtr login_with_token(const std::stop_token& stop);
  Identity identity_of(const Login& login, std::string endpoint) const;
  /// Whether the endpoint is Keystone's (or the override), not just assumed.
  bool is_settled() const;
  void settle(const Login& login, const std::string& endpoint);
  void check_endpoint(const std::stop_token& stop);
  Response perform_once(Request& request, Operation operation, const LoginPtr& login,
                        Source* source, Sink* sink, const std::stop_token& stop);
  Response answer(Request& request, Operation operation, LoginPtr& login, Source* source,
                  Sink* sink, const std::stop_token& stop);
  [[noreturn]] void login_failed(Operation operation, const LoginError& error);
  LoginPtr present_login(Operation operation, const std::stop_token& stop);
  LoginPtr next_login(Operation operation, const LoginPtr& rejected, const std::stop_token& stop);

  Transport& transport_;
  const Clock& clock_;
  const RetryPolicy retry_;
  TokenKeeper keeper_;
  mutable Mutex mutex_;
  std::shared_ptr<const Cloud> cloud_ GUARDED_BY(mutex_);
  std::string endpoint_ GUARDED_BY(mutex_);
  std::optional<Identity> assumed_ GUARDED_BY(mutex_);
  /// The last exchange got no answer.
  std::atomic<bool> unreachable_ = false;
};

}  // namespace glancefs::client
