#include "client/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "client/bounded_json.h"
#include "client/images.h"
#include "client/keystone.h"
#include "client/retry.h"

namespace glancefs::client {
namespace {

using std::chrono::seconds;

constexpr std::chrono::milliseconds kMetadataTimeLimit{60000};

bool is_frontend_page(const Response& response) {
  const std::string* type = response.headers.find("Content-Type");
  return !response.body.empty() && (type == nullptr || type->find("json") == std::string::npos);
}

std::string reason(const Response& response) {
  if (response.status == 300) return "a list of API versions: the endpoint's path is wrong";
  const std::string* location = response.headers.find("Location");
  if (response.status / 100 == 3 && location != nullptr) {
    return log::printable("redirected to " + location->substr(0, 200) + ", which is not followed");
  }
  return error_message(response);
}

std::string described(const Request& request) {
  return request.method + " " + request.url.substr(0, request.url.find('?'));
}

[[noreturn]] void throw_status(const Request& request, Operation operation,
                               const Response& response) {
  const std::string* id = response.headers.find("X-Openstack-Request-Id");
  if (id == nullptr) id = request.headers.find("X-OpenStack-Request-ID");
  throw HttpError(operation, response.status, described(request), reason(response),
                  id == nullptr ? std::string() : log::printable(id->substr(0, 64)),
                  is_frontend_page(response));
}

}  // namespace

bool LoginError::is_outage() const noexcept {
  const int error = code().value();
  return error == EHOSTUNREACH || error == ETIMEDOUT || error == EIO;
}

Session::Session(Cloud cloud, Transport& transport, const Clock& clock, RetryPolicy retry)
    : transport_(transport),
      clock_(clock),
      retry_(retry),
      keeper_(clock, [this](const std::stop_token& stop) { return authenticate(stop); }),
      cloud_(std::make_shared<const Cloud>(std::move(cloud))) {}

Session::~Session() = default;

void Session::log_in(std::stop_token stop) {
  keeper_.put(authenticate(stop));
  check_endpoint(stop);
}

// A wrong base answers 300 to everything, and a portal 200: asked once for what only Glance has.
void Session::check_endpoint(const std::stop_token& stop) {
  Request request{.url = "/v2/schemas/image", .headers = {}, .body = {}, .time_limit = {}};
  const std::string base = endpoint();
  const auto cloud = this->cloud();
  try {
    const LoginPtr login = keeper_.peek();
    const Response answer = perform_once(request, Operation::kOther, login, nullptr, nullptr, stop);
    if (answer.status == 401 || answer.status == 403) {
      throw LoginError(EACCES, fmt::format("{}: the image service at {} does not accept the login: "
                                           "{} {}",
                                           cloud->label(), base, answer.status, reason(answer)));
    }
    const auto schema = parse_bounded(answer.body);
    if (answer.status != 200 || !schema || !member(*schema, "properties").is_object()) {
      throw LoginError(answer.status >= 500 ? EIO : EPROTO,
                       fmt::format("{}: {} is not an image service: {} {}", cloud->label(), base,
                                   answer.status, reason(answer).substr(0, 80)),
                       "os-image-endpoint-override=URL replaces the catalogue's entry");
    }
  } catch (const HttpError& error) {
    throw_unreachable(*cloud, base, error);
  }
}

Response Session::perform_once(Request& request, Operation operation, const LoginPtr& login,
                               Source* source, Sink* sink, const std::stop_token& stop) {
  Request sent = request;
  sent.url = endpoint() + request.url;
  if (!login->header.empty()) sent.headers.add(login->header, login->value);
  // Alone, or errors come as HTML.
  sent.headers.add("Accept", "application/json");
  sent.headers.add("X-OpenStack-Request-ID", "req-" + new_uuid());
  if (source == nullptr && sink == nullptr && !sent.time_limit) {
    sent.time_limit = kMetadataTimeLimit;
  }
  Response response = transport_.perform(sent, operation, source, sink, stop);
  unreachable_ = false;
  if (response.headers.find("X-Openstack-Request-Id") == nullptr) {
    response.headers.add("X-Openstack-Request-Id", *sent.headers.find("X-OpenStack-Request-ID"));
  }
  return response;
}

// Only Keystone's own answers say that the credentials are wrong. Everything else is an outage,
// during which the old token may still be good elsewhere.
void Session::login_failed(Operation operation, const LoginError& error) {
  if (error.is_outage()) {
    unreachable_ = true;
    throw HttpError(operation, Failure::kConnect, "login", error.text());
  }
  throw HttpError(operation, 401, "login", error.text(), {});
}

LoginPtr Session::present_login(Operation operation, const std::stop_token& stop) {
  try {
    return keeper_.get(stop);
  } catch (const LoginError& error) {
    login_failed(operation, error);
  }
}

LoginPtr Session::next_login(Operation operation, const LoginPtr& rejected,
                             const std::stop_token& stop) {
  if (!has_keystone()) return nullptr;
  try {
    return keeper_.replace(rejected, stop);
  } catch (const LoginError& error) {
    login_failed(operation, error);
  }
}

// One answer, with at most one new login on the way. `login` becomes the one that was used last.
Response Session::answer(Request& request, Operation operation, LoginPtr& login, Source* source,
                         Sink* sink, const std::stop_token& stop) {
  Response response = perform_once(request, operation, login, source, sink, stop);
  if (response.status != 401) return response;
  LoginPtr next = next_login(operation, login, stop);
  if (!next) return response;
  login = std::move(next);
  if (source != nullptr) source->restart();
  return perform_once(request, operation, login, source, sink, stop);
}

Response Session::call(Request request, Operation operation, bool repeatable, Source* source,
                       Sink* sink, std::stop_token stop) {
  const int attempts = repeatable ? retry().attempts : 1;
  for (int attempt = 1;; ++attempt) {
    const bool last = attempt >= attempts;
    LoginPtr login = present_login(operation, stop);
    std::optional<seconds> wanted_pause;
    try {
      Response response = answer(request, operation, login, source, sink, stop);
      if (response.status / 100 == 2) return response;
      if (last || !may_pass(response.status)) throw_status(request, operation, response);
      wanted_pause = retry_after(response.headers);
    } catch (const HttpError& error) {
      if (error.status() != 0 || !may_pass(error.failure())) throw;
      if (last) {
        unreachable_ = error.failure() != Failure::kProtocol;
        throw;
      }
      log::debug("{}; trying again", error.what());
    }
    pause(pause_before_retry(retry_, attempt, wanted_pause, random_jitter()), stop);
    if (source != nullptr) source->restart();
  }
}

RetryPolicy Session::retry() const noexcept {
  RetryPolicy policy = retry_;
  if (unreachable_) policy.attempts = 1;
  return policy;
}

std::shared_ptr<const Cloud> Session::cloud() const {
  const Lock lock(mutex_);
  return cloud_;
}

std::string Session::endpoint() const {
  const Lock lock(mutex_);
  return endpoint_;
}

std::optional<std::chrono::system_clock::time_point> Session::expires() const {
  const LoginPtr login = keeper_.peek();
  return login ? login->expires_wall : std::nullopt;
}

void Session::log_out() noexcept {
  try {
    const LoginPtr login = keeper_.peek();
    if (login && login->ours) Keystone(*cloud(), transport_).revoke(login->value, {});
    keeper_.put(nullptr);
  } catch (const std::exception& error) {
    log::info("the token was not given back: {}", error.what());
  }
}

}  // namespace glancefs::client
