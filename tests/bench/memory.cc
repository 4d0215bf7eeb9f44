// Prints the resident memory of the daemon with 10,000 images listed, and after 4 GiB and a
// thousand random places of an image of 100 GiB have been read through it. The target is 64 MiB.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "base/fd.h"
#include "tests/devcloud/devcloud.h"
#include "tests/mount/command.h"
#include "tests/support/temporary_directory.h"

namespace {

using glancefs::mount_test::Background;
using glancefs::mount_test::run;

constexpr int kImages = 10'000;
constexpr std::uint64_t kSize = 100ULL << 30;
constexpr int kReads = 1000;

// "VmRSS" or "VmHWM" of a process, in MiB.
double memory(int pid, const std::string& field) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stod(line.substr(field.size() + 1)) / 1024;
  }
  return 0;
}

// tests/bench/run reads these lines.
void print_memory(const std::string& when, int pid) {
  fmt::print("{}: resident {:.1f} MiB, at most {:.1f} MiB\n", when, memory(pid, "VmRSS"),
             memory(pid, "VmHWM"));
  std::fflush(stdout);
}

void add_images(glancefs::devcloud::DevCloud& cloud) {
  for (int i = 0; i < kImages; ++i) {
    auto image = glancefs::devcloud::image_named("image-" + std::to_string(i));
    for (const char* key : {"os_distro", "os_version", "hw_disk_bus", "architecture"}) {
      image.properties[key] = "value of " + std::to_string(i);
    }
    cloud.add_image(image);
  }
  // It is never read to its end, so nobody asks for its true hash, which would take minutes.
  cloud.add_image(glancefs::devcloud::image_named("big"),
                  glancefs::devcloud::Blob::generated(kSize, 1),
                  glancefs::devcloud::Hashes{std::string(32, '0'), std::string(128, '0')});
}

// Reads 4 KiB at random places; false when one cannot be read.
bool read_anywhere(const std::string& path) {
  const auto file = glancefs::checked_fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC), path);
  std::mt19937_64 random(1);
  std::array<char, 4096> bytes{};
  for (int i = 0; i < kReads; ++i) {
    const auto place = static_cast<off_t>(random() % (kSize / bytes.size()) * bytes.size());
    if (::pread(file.get(), bytes.data(), bytes.size(), place) !=
        static_cast<ssize_t>(bytes.size()))
      return false;
  }
  return true;
}

}  // namespace

int main() {
  const glancefs::test::TemporaryDirectory directory;
  const std::string mount_point = directory / "images";
  std::filesystem::create_directory(mount_point);
  glancefs::devcloud::DevCloud cloud;
  add_images(cloud);
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
  run("ls -l " + mount_point + "/private");
  print_memory("10,000 images listed", daemon.pid());
  const std::string big = mount_point + "/private/big";
  const auto copied = run("dd if=" + big + " of=/dev/null bs=1M count=4096 status=none", {},
                          std::chrono::minutes(10));
  print_memory("4 GiB read", daemon.pid());
  const bool read = read_anywhere(big);
  print_memory("1000 random reads", daemon.pid());
  run("umount " + mount_point);
  return copied.code == 0 && read ? 0 : 1;
}
