#include "tests/devcloud/openrc.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <string>

#include "base/fd.h"

namespace glancefs::devcloud {
namespace {

std::string openrc(const DevCloud& cloud, const Account& account) {
  std::string text = fmt::format(
      "export OS_PROJECT_DOMAIN_NAME=Default\n"
      "export OS_USER_DOMAIN_NAME=Default\n"
      "export OS_PROJECT_NAME={}\n"
      "export OS_USERNAME={}\n"
      "export OS_PASSWORD={}\n"
      "export OS_AUTH_URL={}\n"
      "export OS_IDENTITY_API_VERSION=3\n"
      "export OS_IMAGE_API_VERSION=2\n",
      account.project_name, account.user_name, account.password, cloud.auth_url());
  if (!cloud.config().tls_certificate.empty())
    text += fmt::format("export OS_CACERT={}\n", cloud.config().tls_certificate);
  return text;
}

std::string yaml_entry(const DevCloud& cloud, const Account& account) {
  std::string text = fmt::format(
      "  devcloud-{1}:\n"
      "    auth:\n"
      "      auth_url: {3}\n"
      "      project_name: {0}\n"
      "      project_domain_name: Default\n"
      "      username: {1}\n"
      "      user_domain_name: Default\n"
      "      password: {2}\n"
      "    region_name: RegionOne\n"
      "    identity_api_version: 3\n",
      account.project_name, account.user_name, account.password, cloud.auth_url());
  if (!cloud.config().tls_certificate.empty())
    text += fmt::format("    cacert: {}\n", cloud.config().tls_certificate);
  return text;
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  const Fd fd = checked_fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600),
                           path.string());
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw_errno(errno, path.string());
}

}  // namespace

void write_credentials(const DevCloud& cloud, const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  std::string yaml = "clouds:\n";
  for (const Account& account : {cloud.admin(), cloud.demo(), cloud.other()}) {
    write_file(directory / (account.user_name + "-openrc"), openrc(cloud, account));
    yaml += yaml_entry(cloud, account);
  }
  write_file(directory / "clouds.yaml", yaml);
}

}  // namespace glancefs::devcloud
