// Which cloud, and how to log in: clouds.yaml, secure.yaml, OS_* variables and mount options.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace glancefs::client {

/// A domain, project or user: an id, or a name within a domain.
struct Named {
  std::string id, name;
  std::string domain_id, domain_name;
  bool empty() const noexcept { return id.empty() && name.empty(); }
};

enum class AuthType {
  kPassword,
  kToken,
  kApplicationCredential,
  kTotp,
  kMultifactor,  ///< the methods in Cloud::auth_methods
  kNone,         ///< a Glance without Keystone
  kAdminToken,   ///< a given token and endpoint; no login
  kHttpBasic,
};

/// Everything a login needs. Holds secrets: never logged, never printed.
struct Cloud {
  std::string name;  ///< as in clouds.yaml; "envvars" when it comes from OS_*
  AuthType auth_type = AuthType::kPassword;
  std::string auth_url;
  Named user;
  std::string password;
  std::string passcode;
  std::vector<std::string> auth_methods;
  std::string token;
  std::string application_credential_id, application_credential_name;
  std::string application_credential_secret;
  Named project;
  std::string trust_id;
  std::string region;                             ///< empty: any
  std::vector<std::string> interfaces{"public"};  ///< in order of preference
  std::string endpoint_override;                  ///< instead of the catalogue's
  std::string service_name;                       ///< empty: any
  bool verify = true;
  std::string ca_file;  ///< empty: the system's
  std::string client_certificate, client_key;

  /// "cloud" for messages: the name, or the host of auth_url.
  std::string label() const;
};

/// The configuration cannot be used: what() says what is wrong in one line, hint() what to do about
/// it (may be empty). For exit code 1.
class CloudError : public std::runtime_error {
 public:
  explicit CloudError(const std::string& what, std::string hint = {})
      : std::runtime_error(what),
        hint_(std::move(hint)) {}
  const std::string& hint() const noexcept { return hint_; }

 private:
  std::string hint_;
};

/// Where load_cloud() looks.
struct CloudSources {
  /// The variables that count, without their values being secret to us: OS_* and XDG_CONFIG_HOME.
  std::map<std::string, std::string> environment;
  std::string home;  ///< of the effective user, from the password database (mount(8) clears HOME)
  /// Look at ./clouds.yaml too. Not for root or under mount(8): anybody may have put it there.
  bool current_directory = false;
  /// Mount options os-* in OS_* spelling; they win over everything.
  std::map<std::string, std::string> overrides;
  /// What configuration files say of os-* options, in OS_* spelling: less than variables that
  /// count, more than clouds.yaml.
  std::map<std::string, std::string> configured;
  /// Instead of /etc/openstack and /etc/xdg/openstack, in tests.
  std::vector<std::string> system_directories{"/etc/xdg/openstack", "/etc/openstack"};
};

/// Where a setting of a cloud comes from, the strongest first.
enum class SettingOrigin { kOverride, kVariable, kConfigured, kFile };

/// One setting. May hold a secret.
struct CloudSetting {
  std::string value;
  SettingOrigin origin = SettingOrigin::kFile;
  std::string file;  ///< of kFile: clouds.yaml, secure.yaml or clouds-public.yaml
};

/// What is known of a cloud before it is understood.
struct CloudDescription {
  CloudSetting name;                             ///< "envvars" when it comes from OS_*
  std::map<std::string, CloudSetting> settings;  ///< by the names of clouds.yaml, old ones replaced
};

/// The name in CloudDescription::settings of what an OS_* variable sets: OS_TENANT_ID is
/// project_id.
std::string setting_name(const std::string& variable);

/// `true yes on 1` and `false no off 0` in any case; nullopt for anything else.
std::optional<bool> truth_of(const std::string& word);

/// The names of the clouds in clouds.yaml, sorted. Throws CloudError when it cannot be parsed.
std::vector<std::string> cloud_names(const CloudSources& sources);

/// The description of the cloud called `name`; empty: OS_CLOUD, else the OS_* variables, else what
/// is configured, else the only cloud in clouds.yaml. Throws CloudError.
CloudDescription describe_cloud(const std::string& name, const CloudSources& sources);

/// The cloud that describe_cloud() describes. Throws CloudError.
Cloud load_cloud(const std::string& name, const CloudSources& sources);

}  // namespace glancefs::client
