#include "tests/model/mount_subject.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/devcloud/catalogue.h"
#include "tests/model/file_names.h"
#include "tests/model/waiting.h"

namespace glancefs::model {
namespace {

constexpr std::string_view kPrefix = "user.glance.";
constexpr std::size_t kLargestXattr = 65536;

int error_of(long result) { return result < 0 ? errno : 0; }

Outcome read_xattr(const std::string& path, const std::string& name) {
  std::string value(kLargestXattr, '\0');
  const ssize_t size = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
  if (size < 0) return {.error = errno};
  value.resize(static_cast<std::size_t>(size));
  return {.error = 0, .data = value};
}

// The kernel may believe for a second what it was told; nothing tells when it no longer does.
void outwait_the_kernel() { std::this_thread::sleep_for(std::chrono::milliseconds(1100)); }

std::string time_text(const timespec& time) {
  return devcloud::iso_time(devcloud::Time(std::chrono::seconds(time.tv_sec)));
}

}  // namespace

MountSubject::MountSubject(const devcloud::DevCloud& cloud, const std::string& options)
    : options_(options) {
  const devcloud::Account account = cloud.demo();
  environment_ = {{"OS_PROJECT_DOMAIN_NAME", "Default"},     {"OS_USER_DOMAIN_NAME", "Default"},
                  {"OS_PROJECT_NAME", account.project_name}, {"OS_USERNAME", account.user_name},
                  {"OS_PASSWORD", account.password},         {"OS_AUTH_URL", cloud.auth_url()},
                  {"OS_IDENTITY_API_VERSION", "3"},          {"OS_IMAGE_API_VERSION", "2"}};
  std::filesystem::create_directory(mount_point_);
  mount();
}

MountSubject::~MountSubject() {
  for (const auto& [slot, fd] : slots_) ::close(fd);
  if (daemon_) daemon_->signal(SIGKILL);
  daemon_.reset();
  ::umount2(mount_point_.c_str(), MNT_DETACH);
}

void MountSubject::mount() {
  const std::string line = fmt::format(
      "exec {} mount --foreground -v {} -o log={}/log,cache-dir={}/cache,state-dir={}"
      "/state,metadata-ttl=1d,upload-delay=1h,uploads=1,shutdown-timeout=20{}",
      GLANCEFS_PROGRAM, mount_point_, directory_.path(), directory_.path(), directory_.path(),
      options_);
  daemon_ = std::make_unique<mount_test::Background>(line, environment_);
  if (!daemon_->wait_for_output("mounted on"))
    throw std::runtime_error("the mount does not start: " + daemon_->output());
}

std::string MountSubject::path(const Place& place) const {
  const std::string parent = place.directory == "by-id" ? ".glancefs/by-id" : place.directory;
  return mount_point_ + "/" + parent + "/" + place.name;
}

Outcome MountSubject::open(int slot, const Place& place, int flags) {
  const int fd = ::open(path(place).c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0) return {.error = errno};
  slots_[slot] = fd;
  return {.error = 0, .data = "", .id = read_xattr(path(place), "user.glance.id").data};
}

int MountSubject::write(int slot, std::uint64_t offset, const std::string& bytes) {
  return error_of(
      ::pwrite(slots_.at(slot), bytes.data(), bytes.size(), static_cast<off_t>(offset)));
}

Outcome MountSubject::read(int slot, std::uint64_t offset, std::uint64_t size) {
  std::string bytes(size, '\0');
  const ssize_t got =
      ::pread(slots_.at(slot), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (got < 0) return {.error = errno};
  bytes.resize(static_cast<std::size_t>(got));
  return {.error = 0, .data = bytes};
}

int MountSubject::resize(int slot, std::uint64_t size) {
  return error_of(::ftruncate(slots_.at(slot), static_cast<off_t>(size)));
}

int MountSubject::close(int slot) {
  const int fd = slots_.at(slot);
  slots_.erase(slot);
  return error_of(::close(fd));
}

int MountSubject::sync(const Place& place) {
  const int fd = ::open(path(place).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = error_of(::fsync(fd));
  ::close(fd);
  return error;
}

int MountSubject::unlink(const Place& place) { return error_of(::unlink(path(place).c_str())); }

int MountSubject::rename(const Place& place, const Place& to, unsigned flags) {
  return error_of(::renameat2(AT_FDCWD, path(place).c_str(), AT_FDCWD, path(to).c_str(), flags));
}

int MountSubject::chmod(const Place& place, unsigned mode) {
  return error_of(::chmod(path(place).c_str(), mode));
}

int MountSubject::chown(const Place& place, bool another) {
  return error_of(::chown(path(place).c_str(), another ? 12345 : ::getuid(), ::getgid()));
}

int MountSubject::touch(const Place& place) {
  return error_of(::utimensat(AT_FDCWD, path(place).c_str(), nullptr, 0));
}

int MountSubject::resize(const Place& place, std::uint64_t size) {
  return error_of(::truncate(path(place).c_str(), static_cast<off_t>(size)));
}

int MountSubject::set_xattr(const Place& place, const std::string& name, const std::string& value,
                            int flags) {
  const auto set = [&] {
    return error_of(
        ::setxattr(path(place).c_str(), name.c_str(), value.data(), value.size(), flags));
  };
  int error = set();
  // Of a close the daemon hears twice, the second time when the kernel gets round to it.
  for (int i = 0; name == "user.glancefs.upload" && error == EBUSY && i < 100; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    error = set();
  }
  const bool moves = name == "user.glance.name" || name == "user.glance.visibility" ||
                     name == "user.glance.os_hidden";
  if (error == 0 && moves) outwait_the_kernel();
  return error;
}

int MountSubject::remove_xattr(const Place& place, const std::string& name) {
  const int error = error_of(::removexattr(path(place).c_str(), name.c_str()));
  if (error == 0 && name == "user.glance.os_hidden") outwait_the_kernel();
  return error;
}

Outcome MountSubject::xattr(const Place& place, const std::string& name) {
  return read_xattr(path(place), name);
}

int MountSubject::refresh() {
  const int error = error_of(::setxattr(mount_point_.c_str(), "user.glancefs.refresh", "1", 1, 0));
  outwait_the_kernel();
  return error;
}

// What waits is sent at every end in order.
std::string MountSubject::remount(const std::string& way) {
  const bool crash = way == "crash";
  daemon_->signal(crash ? SIGKILL : SIGTERM);
  if (daemon_->wait(std::chrono::seconds(60)) < 0) throw std::runtime_error("it does not end");
  for (const auto& [slot, fd] : slots_) ::close(fd);
  slots_.clear();
  daemon_.reset();
  ::umount2(mount_point_.c_str(), MNT_DETACH);
  mount();
  wait_for_uploads([this] { return text("pending"); }, [this] { return text("errors"); });
  return crash ? "crash" : "finish";
}

std::string MountSubject::describe(const std::string& path) const {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return fmt::format("leads to errno {}", errno);
  std::string text = fmt::format("mode {:o} size {}", status.st_mode & 07777, status.st_size);
  if (read_xattr(path, "user.glancefs.progress").error != 0) {
    text += " modified " + time_text(status.st_mtim) + " changed " + time_text(status.st_ctim);
  }
  std::string names(kLargestXattr, '\0');
  const ssize_t size = ::listxattr(path.c_str(), names.data(), names.size());
  names.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  std::map<std::string, std::string> sorted;
  std::istringstream list(names);
  for (std::string name; std::getline(list, name, '\0');) {
    sorted[name.substr(std::min(kPrefix.size(), name.size()))] = read_xattr(path, name).data;
  }
  for (const auto& [key, value] : sorted) text += "\n    " + key + "=" + value;
  return text;
}

std::map<std::string, std::string> MountSubject::tree() {
  std::map<std::string, std::string> paths;
  for (const std::string parent :
       {"public", "private", "shared", "community", kOffers, ".glancefs/by-id"}) {
    DIR* const directory = ::opendir((mount_point_ + "/" + parent).c_str());
    if (directory == nullptr) throw std::runtime_error("opendir " + parent);
    while (const dirent* entry = ::readdir(directory)) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      const std::string path = parent + "/" + name;
      paths[path] = describe(mount_point_ + "/" + path);
    }
    ::closedir(directory);
  }
  return paths;
}

std::string MountSubject::text(const std::string& control_file) {
  std::ostringstream text;
  text << std::ifstream(mount_point_ + "/.glancefs/" + control_file).rdbuf();
  return text.str();
}

}  // namespace glancefs::model
