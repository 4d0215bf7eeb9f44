#include "tests/mount/crash_steps.h"

#include <signal.h>

#include <cstdlib>
#include <filesystem>

namespace glancefs::mount_test {
namespace {

constexpr int kMostSteps = 2000;

}  // namespace

void CrashSteps::for_each_step(int stride, bool torn, const std::function<bool(int at)>& step) {
  if (std::getenv("GLANCEFS_EVERY_CRASH") != nullptr) stride = 1;
  bool crashed = true;
  for (int at = torn ? 1 + stride / 2 : 1; crashed; at += stride) {
    SCOPED_TRACE("step " + std::to_string(at));
    ASSERT_LT(at, kMostSteps);
    crashed = step(at);
    if (HasFailure()) break;
  }
}

void CrashSteps::mount_to_die(int at, bool torn, const std::string& options) {
  std::filesystem::remove(directory_ / "armed");
  daemon_environment_ = {{"LD_PRELOAD", GLANCEFS_KILL_SWITCH},
                         {"GLANCEFS_KILL_AT", std::to_string(at)},
                         {"GLANCEFS_KILL_ARM", directory_ / "armed"},
                         {"ASAN_OPTIONS", "verify_asan_link_order=0"}};
  if (torn) daemon_environment_.emplace("GLANCEFS_KILL_TORN", "1");
  mount(options);
  write_file(directory_ / "armed", "");
}

void CrashSteps::mount_again(const std::string& options) {
  daemon_environment_.clear();
  mount(options);
}

bool CrashSteps::end() {
  if (daemon_->wait(std::chrono::seconds(0)) < 0) sh("umount $M");
  const int code = daemon_->wait();
  EXPECT_TRUE(code == 0 || code == 128 + SIGKILL) << daemon_->output();
  daemon_.reset();
  sh("umount -l $M 2>/dev/null");
  return code != 0;
}

std::string CrashSteps::settled() {
  std::string left;
  EXPECT_TRUE(eventually([&] {
    left = pending();
    return left.empty() || left.find("  unfinished  ") != std::string::npos ||
           left.find("  stays here  ") != std::string::npos;
  })) << left;
  return left;
}

void CrashSteps::send(const std::string& file, const std::string& name) {
  const std::string path = "$M/private/" + file;
  const std::string command = file.starts_with('.')
                                  ? "mv " + path + " $M/private/" + name
                                  : "setfattr -n user.glancefs.upload -v 1 " + path;
  EXPECT_EQ(sh(command).code, 0);
}

void CrashSteps::clear() {
  unmount();
  for (const std::string& id : cloud_.image_ids()) cloud_.delete_image(id);
}

}  // namespace glancefs::mount_test
