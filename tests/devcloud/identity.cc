#include "tests/devcloud/identity.h"

#include <algorithm>
#include <random>

namespace glancefs::devcloud {

namespace {

// Fixed ids: logs and recorded answers of two runs can be compared.
User make_user(std::string id, std::string name, std::string role, std::string project) {
  User user;
  user.id = std::move(id);
  user.name = std::move(name);
  user.password = kPassword;
  user.role = std::move(role);
  user.project_id = std::move(project);
  return user;
}

}  // namespace

Identity::Identity() {
  const std::string suffix(24, '0');
  const auto add = [&](const std::string& name, const std::string& role,
                       const std::string& digits) {
    const std::string project = digits + "b" + suffix + "ace";
    projects[project] = Project{project, name};
    const std::string id = digits + "a" + suffix + "ace";
    users[id] = make_user(id, name, role, project);
    return id;
  };
  add("admin", "admin", "1000");
  const std::string demo = add("demo", "member", "2000");
  const std::string other = add("other", "member", "3000");
  const std::string mfa = add("mfa", "member", "4000");
  users[mfa].mfa = true;
  users[mfa].totp_passcode = kTotpPasscode;
  app_credentials["5000c" + suffix + "ace"] =
      AppCredential{"5000c" + suffix + "ace", kDemoCredential, kPassword, demo};
  trusts["6000d" + suffix + "ace"] = Trust{"6000d" + suffix + "ace", demo, other, -1};
}

const User* Identity::user_by_name(const std::string& name) const {
  const auto found = std::find_if(users.begin(), users.end(),
                                  [&](const auto& entry) { return entry.second.name == name; });
  return found == users.end() ? nullptr : &found->second;
}

const Project* Identity::project_by_name(const std::string& name) const {
  const auto found = std::find_if(projects.begin(), projects.end(),
                                  [&](const auto& entry) { return entry.second.name == name; });
  return found == projects.end() ? nullptr : &found->second;
}

std::optional<Token> Identity::validate_for_glance(const std::string& token, bool caching) {
  const Lock lock(mutex);
  const auto found = tokens.find(token);
  if (found == tokens.end()) return std::nullopt;
  Token& known = found->second;
  if (known.expires_at <= std::chrono::system_clock::now()) return std::nullopt;
  const bool cached = caching && known.seen_by_glance;
  if (!cached && (!reachable || known.revoked)) return std::nullopt;
  known.seen_by_glance = true;
  return known;
}

std::string new_token() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string token = "gAAAAA";
  while (token.size() < 183) token += kAlphabet[random() % kAlphabet.size()];
  return token;
}

}  // namespace glancefs::devcloud
