#include "tests/mount/mounted_cloud.h"

#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace glancefs::mount_test {

MountedCloud::MountedCloud(devcloud::Config config) : cloud_(std::move(config)) {
  std::filesystem::create_directory(mount_point_);
}

MountedCloud::~MountedCloud() {
  if (daemon_) {
    daemon_->signal(SIGTERM);
    daemon_.reset();
  }
  ::umount2(mount_point_.c_str(), MNT_DETACH);  // fails when all is well
}

void MountedCloud::SetUp() {
  if (::access("/dev/fuse", R_OK | W_OK) != 0 || ::geteuid() != 0) {
    GTEST_SKIP() << "needs /dev/fuse and root";
  }
}

Environment MountedCloud::openrc(const devcloud::Account& account) const {
  return {{"OS_PROJECT_DOMAIN_NAME", "Default"},     {"OS_USER_DOMAIN_NAME", "Default"},
          {"OS_PROJECT_NAME", account.project_name}, {"OS_USERNAME", account.user_name},
          {"OS_PASSWORD", account.password},         {"OS_AUTH_URL", cloud_.auth_url()},
          {"OS_IDENTITY_API_VERSION", "3"},          {"OS_IMAGE_API_VERSION", "2"}};
}

void MountedCloud::mount(const std::string& options) { mount_as(cloud_.demo(), options); }

void MountedCloud::mount_as(const devcloud::Account& account, const std::string& options) {
  const std::string line = "exec " GLANCEFS_PROGRAM " mount --foreground -v " + mount_point_ +
                           " -o log=stderr,log-level=info,cache-dir=" + (directory_ / "cache") +
                           ",state-dir=" + (directory_ / "state") + ",shutdown-timeout=5" +
                           (options.empty() ? "" : "," + options);
  Environment environment = daemon_environment_;
  environment.merge(openrc(account));
  environment.emplace("GLANCEFS_CONFIG", "none");  // the machine's own is no business of ours
  daemon_ = std::make_unique<Background>(line, environment);
  ASSERT_TRUE(daemon_->wait_for_output("mounted on")) << daemon_->output();
}

void MountedCloud::unmount() {
  EXPECT_EQ(sh("umount $M").code, 0);
  EXPECT_EQ(daemon_->wait(), 0) << daemon_->output();
  daemon_.reset();
}

void MountedCloud::kill_daemon() {
  daemon_->signal(SIGKILL);
  EXPECT_EQ(daemon_->wait(), 128 + SIGKILL);
  daemon_.reset();
  ::umount2(mount_point_.c_str(), MNT_DETACH);
}

Result MountedCloud::sh(const std::string& line, std::chrono::seconds limit) {
  return run(line, {{"M", mount_point_}, {"D", directory_.path()}, {"LC_ALL", "C.UTF-8"}}, limit);
}

std::string MountedCloud::out(const std::string& line) {
  Result result = sh(line);
  EXPECT_EQ(result.code, 0) << line << "\n" << result.output;
  if (result.output.ends_with('\n')) result.output.pop_back();
  return result.output;
}

std::string MountedCloud::reason(const std::string& path) {
  return sh("getfattr --absolute-names -n user.glancefs.error --only-values $M/" + path).output;
}

bool MountedCloud::eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::string MountedCloud::pending() { return read_file(mount_point_ + "/.glancefs/pending"); }

std::string MountedCloud::pattern(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + ".";
  text.resize(size);
  return text;
}

void MountedCloud::write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string MountedCloud::read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string MountedCloud::add(const std::string& name, const std::string& data) {
  return cloud_.add_image(devcloud::image_named(name), devcloud::Blob(data));
}

std::string MountedCloud::id_of(const std::string& name) {
  std::string found;
  for (const std::string& id : cloud_.image_ids()) {
    const auto image = cloud_.image(id);
    if (!image || image->name != name) continue;
    if (!found.empty()) return {};
    found = id;
  }
  return found;
}

}  // namespace glancefs::mount_test
