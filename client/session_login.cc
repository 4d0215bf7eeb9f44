// Session: logging in, and who that makes us.
#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/log.h"
#include "client/catalogue.h"
#include "client/keystone.h"
#include "client/session.h"

namespace glancefs::client {
namespace {

using std::chrono::seconds;

// keystoneauth renews as early; a token that lives shorter is renewed in the last quarter.
constexpr seconds kRenewBefore{120};

std::string base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string encoded;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      group = group << 8 | (j < text.size() ? static_cast<unsigned char>(text[j]) : 0U);
    }
    const std::size_t present = std::min<std::size_t>(text.size() - i, 3);
    for (std::size_t j = 0; j < 4; ++j) {
      encoded += j <= present ? kDigits[group >> (18 - 6 * j) & 63U] : '=';
    }
  }
  return encoded;
}

bool single_use(const Cloud& cloud) {
  return cloud.auth_type == AuthType::kTotp || cloud.auth_type == AuthType::kMultifactor ||
         !cloud.passcode.empty();
}

LoginPtr login_without_keystone(const Cloud& cloud) {
  auto login = std::make_shared<Login>();
  if (cloud.auth_type == AuthType::kAdminToken) {
    login->header = "X-Auth-Token";
    login->value = cloud.token;
  } else if (cloud.auth_type == AuthType::kHttpBasic) {
    login->header = "Authorization";
    login->value = "Basic " + base64(cloud.user.name + ":" + cloud.password);
  } else {
    login->admin = true;  // a Glance without Keystone takes everybody for one
  }
  return login;
}

}  // namespace

bool Session::has_keystone() const {
  const AuthType type = cloud()->auth_type;
  return type != AuthType::kNone && type != AuthType::kAdminToken && type != AuthType::kHttpBasic;
}

LoginPtr Session::authenticate(const std::stop_token& stop) {
  if (has_keystone()) return login_with_token(stop);
  const Lock lock(mutex_);
  endpoint_ = without_version(cloud_->endpoint_override);
  return login_without_keystone(*cloud_);
}

LoginPtr Session::login_with_token(const std::stop_token& stop) {
  const auto cloud = this->cloud();
  if (single_use(*cloud) && keeper_.peek()) {
    throw LoginError(EACCES,
                     cloud->label() +
                         ": the login has ended, and its one-time code cannot be used "
                         "again: mount again",
                     "an application credential lasts");
  }
  const bool settled = is_settled();
  const bool choose = !settled && cloud->endpoint_override.empty();
  Keystone keystone(*cloud, transport_);
  const Token token = keystone.log_in(choose, stop);
  if (token.project_id.empty()) {
    throw LoginError(EINVAL, cloud->label() + ": the login is not for a project",
                     "os-project-name=NAME (OS_PROJECT_NAME) chooses one");
  }
  auto login = std::make_shared<Login>();
  login->header = "X-Auth-Token";
  login->value = token.value;
  login->project_id = token.project_id;
  login->project_name = token.project_name;
  login->user_id = token.user_id;
  login->roles = token.roles;
  login->admin = token.admin;
  login->ours = true;
  if (token.life) {
    const auto now = clock_.steady();
    login->expires = now + *token.life;
    login->renew = now + *token.life - std::min<seconds>(kRenewBefore, *token.life / 4);
    login->expires_wall = clock_.wall() + *token.life;
  }
  if (!settled) {
    const std::string chosen = choose ? choose_endpoint(*cloud, token.image_endpoints)
                                      : without_version(cloud->endpoint_override);
    if (cloud->auth_url.starts_with("https:") && chosen.starts_with("http:")) {
      log::warning("{}: the image service at {} is not encrypted: the token is sent in clear",
                   cloud->label(), log::printable(chosen));
    }
    settle(*login, chosen);
  }
  return login;
}

Identity Session::identity_of(const Login& login, std::string endpoint) const {
  Identity who{.endpoint = std::move(endpoint),
               .project_id = login.project_id,
               .project_name = login.project_name,
               .user_id = login.user_id,
               .roles = login.roles,
               .is_admin = login.admin};
  const auto cloud = this->cloud();
  if (cloud->auth_type == AuthType::kHttpBasic) who.user_id = cloud->user.name;
  return who;
}

// What was assumed ends with the first login: from then on the endpoint is Keystone's word.
void Session::settle(const Login& login, const std::string& endpoint) {
  const Identity who = identity_of(login, endpoint);
  const Lock lock(mutex_);
  if (assumed_ && !assumed_->sees_as(who)) {
    throw LoginError(EACCES,
                     cloud_->label() +
                         ": the login is not for the project, user, roles and image service that "
                         "the mount began with: mount again");
  }
  assumed_.reset();
  endpoint_ = endpoint;
}

void Session::assume(const Identity& identity) {
  {
    const Lock lock(mutex_);
    assumed_ = identity;
  }
  // Logged in, but the image service did not answer.
  if (const LoginPtr login = keeper_.peek()) settle(*login, endpoint());
  const Lock lock(mutex_);
  endpoint_ = identity.endpoint;
}

Identity Session::identity() const {
  if (const LoginPtr login = keeper_.peek()) return identity_of(*login, endpoint());
  const Lock lock(mutex_);
  return assumed_.value_or(Identity());
}

// A session of its own finds out, so that whatever goes wrong leaves this one as it is.
void Session::log_in_anew(Cloud cloud, const std::stop_token& stop) {
  Session next(std::move(cloud), transport_, clock_, retry_);
  next.log_in(stop);
  const Identity who = next.identity();
  if (!identity().sees_as(who)) {
    next.log_out();
    throw LoginError(EACCES,
                     next.cloud()->label() +
                         ": the new login is not for the project, user, roles and image "
                         "service that the mount began with",
                     "unmount, then mount again");
  }
  {
    const Lock lock(mutex_);
    cloud_ = next.cloud();
    assumed_.reset();
    endpoint_ = who.endpoint;
  }
  keeper_.put(next.keeper_.peek());
}

bool Session::is_settled() const {
  const Lock lock(mutex_);
  return !endpoint_.empty() && !assumed_;
}

}  // namespace glancefs::client
