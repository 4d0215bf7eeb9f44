// Prints the resident memory of the daemon with 10,000 images listed, and after 4 GiB of one image
// have been read through it. The target is 64 MiB.
#include <fmt/core.h>
#include <sys/mount.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/devcloud/devcloud.h"
#include "tests/mount/command.h"
#include "tests/support/temporary_directory.h"

namespace {

using glancefs::mount_test::Background;
using glancefs::mount_test::run;

constexpr int kImages = 10'000;
constexpr std::uint64_t kSize = 4ULL << 30;

// "VmRSS" or "VmHWM" of a process, in MiB.
double memory(int pid, const std::string& field) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stod(line.substr(field.size() + 1)) / 1024;
  }
  return 0;
}

}  // namespace

int main() {
  const glancefs::test::TemporaryDirectory directory;
  const std::string mount_point = directory / "images";
  std::filesystem::create_directory(mount_point);
  glancefs::devcloud::DevCloud cloud;
  for (int i = 0; i < kImages; ++i) {
    auto image = glancefs::devcloud::image_named("image-" + std::to_string(i));
    for (const char* key : {"os_distro", "os_version", "hw_disk_bus", "architecture"}) {
      image.properties[key] = "value of " + std::to_string(i);
    }
    cloud.add_image(image);
  }

  const std::string id = cloud.add_image(glancefs::devcloud::image_named("big"),
                                         glancefs::devcloud::Blob::generated(kSize, 1));
  const auto account = cloud.demo();
  Background daemon("exec " GLANCEFS_PROGRAM " mount --foreground -v " + mount_point +
                        " -o log=stderr,cache-size=6G,cache-min-free=0,cache-dir=" +
                        (directory / "cache") + ",state-dir=" + (directory / "state"),
                    {{"OS_AUTH_URL", cloud.auth_url()},
                     {"OS_USERNAME", account.user_name},
                     {"OS_PASSWORD", account.password},
                     {"OS_PROJECT_NAME", account.project_name},
                     {"OS_USER_DOMAIN_NAME", "Default"},
                     {"OS_PROJECT_DOMAIN_NAME", "Default"}});
  if (!daemon.wait_for_output("mounted on")) {
    fmt::print("{}", daemon.output());
    return 1;
  }
  const auto listed = run("ls -l " + mount_point + "/private | wc -l");
  fmt::print("images listed {}resident {:.1f} MiB\n", listed.output, memory(daemon.pid(), "VmRSS"));
  const auto begun = std::chrono::steady_clock::now();
  const auto copied = run("dd if=" + mount_point + "/private/big of=/dev/null bs=1M status=none",
                          {}, std::chrono::seconds(600));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  fmt::print("4 GiB read (code {}) in {:.1f} s: resident {:.1f} MiB, at most {:.1f} MiB\n",
             copied.code, took.count(), memory(daemon.pid(), "VmRSS"),
             memory(daemon.pid(), "VmHWM"));
  run("umount " + mount_point);
  return copied.code;
}
