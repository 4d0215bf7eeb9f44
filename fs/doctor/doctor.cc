#include "fs/doctor/doctor.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "base/log.h"
#include "fs/doctor/cloud_checks.h"
#include "fs/doctor/directory_checks.h"
#include "fs/mount/chosen_cloud.h"
#include "fs/mount/configuration.h"
#include "fs/mount/process.h"

namespace glancefs::fs {
namespace {

class Examination {
 public:
  Examination(const DoctorCase& subject, const std::function<void(const Finding&)>& each)
      : subject_(subject),
        options_(subject.options),
        environment_(effective_environment(subject.environment, subject.options)),
        person_(effective_user(environment_)),
        paths_(default_paths(person_, environment_)),
        each_(each) {}

  std::vector<Finding> run() {
    look_at_system();
    look_at_directories();
    if (look_for_cloud()) look_at_network();
    return std::move(findings_);
  }

 private:
  void add(const std::string& check, Finding finding) {
    finding.check = check;
    findings_.push_back(std::move(finding));
    each_(findings_.back());
  }

  /// False: it failed, and what needs it cannot be looked at.
  template <typename Check>
  bool look(const std::string& name, Check&& check) {
    const auto began = std::chrono::steady_clock::now();
    Finding finding = run_check(std::forward<Check>(check));
    finding.took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - began);
    add(name, std::move(finding));
    return findings_.back().verdict != Verdict::kFailed;
  }

  /// What a check did not expect is a failure of it, and no reason to leave out the others.
  template <typename Check>
  static Finding run_check(Check&& check) {
    try {
      return std::forward<Check>(check)();
    } catch (const std::exception& error) {
      return failed(error.what());
    }
  }

  void look_at_system() {
    const SystemPlaces& places = subject_.places;
    look("fuse", [&] { return check_fuse(places, person_); });
    look("allow_other", [&] { return check_allow_other(places, person_, options_.allow_other); });
    look("helpers", [&] { return check_helpers(places); });
    look("updatedb", [&] { return check_updatedb(places); });
    if (subject_.mount_point.empty()) return;
    look("mount point", [&] { return check_mount_point(places, person_, subject_.mount_point); });
  }

  void look_at_directories() {
    const DirectoryFacts cache = look_at_directory(cache_directory(options_, paths_));
    look("cache", [&] { return check_cache_directory(cache, options_.cache_min_free); });
    look("state", [&] {
      return check_state_directory(look_at_directory(state_directory(options_, paths_)));
    });
    look("passthrough", [&] {
      utsname system{};
      ::uname(&system);
      return check_passthrough(cache, person_.uid, static_cast<const char*>(system.release),
                               options_.passthrough);
    });
  }

  bool look_for_cloud() {
    return look("credentials", [&] {
      try {
        cloud_ = load_chosen_cloud(options_, environment_, person_, subject_.directory);
      } catch (const client::CloudError& error) {
        return failed(error.what(), error.hint());
      }
      const bool variables = cloud_->name.empty() || cloud_->name == "envvars";
      return ok(variables ? std::string("from variables and options OS_*")
                          : fmt::format("cloud \"{}\" in clouds.yaml", cloud_->name));
    });
  }

  void look_at_network() {
    const std::string url = cloud_->auth_url.empty() ? cloud_->endpoint_override : cloud_->auth_url;
    const auto origin = origin_of(url);
    if (!origin) {
      add("name", failed(url + " is no URL of http or https"));
      return;
    }
    const std::string proxy = proxy_for(*origin, environment_);
    if (!proxy.empty()) {
      add("name", skipped("left to the proxy " + proxy));
      add("connection", skipped("left to the proxy " + proxy));
    } else if (!look("name", [&] { return check_name(*origin); }) || !look("connection", [&] {
                 return check_connection(*origin, options_.connect_timeout);
               })) {
      return add("login", skipped("the server cannot be reached"));
    }
    CloudChecks checks(*cloud_, transport_config(options_, *cloud_, environment_));
    if (!look("tls", [&] { return checks.answer(url); })) {
      return add("login", skipped("the server does not answer"));
    }
    look("clock", [&] { return check_clock(checks.date(), std::chrono::system_clock::now()); });
    look_at_images(checks);
  }

  void look_at_images(CloudChecks& checks) {
    if (!look("login", [&] { return checks.login(); })) {
      return add("endpoint", skipped("nobody is logged in"));
    }
    if (!look("endpoint", [&] { return checks.endpoint(); })) {
      return add("images", skipped("there is no image service"));
    }
    if (!look("images", [&] { return checks.list(); })) return;
    for (Finding& finding : checks.stores()) add("ranges", std::move(finding));
  }

  const DoctorCase& subject_;
  const Options& options_;
  const Environment environment_;
  const Person person_;
  const Paths paths_;
  const std::function<void(const Finding&)>& each_;
  std::optional<client::Cloud> cloud_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> examine(const DoctorCase& subject,
                             const std::function<void(const Finding&)>& each) {
  return Examination(subject, each).run();
}

Verdict worst_of(const std::vector<Finding>& findings) {
  const auto any = [&](Verdict verdict) {
    return std::ranges::any_of(findings,
                               [&](const Finding& finding) { return finding.verdict == verdict; });
  };
  if (any(Verdict::kFailed)) return Verdict::kFailed;
  return any(Verdict::kWarning) ? Verdict::kWarning : Verdict::kOk;
}

std::string finding_text(const Finding& finding) {
  std::string text = fmt::format("{:<8} {:<12} {}", word_for(finding.verdict), finding.check,
                                 log::printable(finding.detail));
  constexpr std::chrono::milliseconds kWorthTelling{100};
  if (finding.took >= kWorthTelling) {
    text += fmt::format(" ({:.1f} s)", std::chrono::duration<double>(finding.took).count());
  }
  text += "\n";
  if (!finding.hint.empty()) text += "  hint: " + log::printable(finding.hint) + "\n";
  return text;
}

}  // namespace glancefs::fs
