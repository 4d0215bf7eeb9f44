#include "fs/fuse_session.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <fuse_lowlevel.h>
#include <sys/uio.h>

#include <cerrno>
#include <fstream>
#include <string_view>
#include <utility>

#include "fs/fuse_log.h"
#include "fs/fuse_loop.h"
#include "fs/fuse_operations.h"
#include "fs/fuse_request.h"

namespace glancefs::fs {
namespace {

constexpr const char* kDevice = "/dev/fuse";
constexpr const char* kFuseConf = "/etc/fuse.conf";

// One value of a -o list, where commas separate and backslashes escape.
std::string escaped(std::string_view value) {
  std::string result;
  for (const char c : value) {
    if (c == ',' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string option_list(const MountConfig& config) {
  std::string list = "default_permissions,nosuid,nodev,subtype=glancefs,fsname=";
  list += escaped(config.source);
  if (config.read_only) list += ",ro";
  if (config.allow_other) list += ",allow_other";
  for (const std::string& option : config.options) list += "," + escaped(option);
  return list;
}

struct SessionDeleter {
  void operator()(fuse_session* session) const noexcept { fuse_session_destroy(session); }
};
using SessionPtr = std::unique_ptr<fuse_session, SessionDeleter>;

SessionPtr make_session(const MountConfig& config, Shell& shell) {
  const FuseComplaint complaint;
  fuse_args args = FUSE_ARGS_INIT(0, nullptr);
  const int added = fuse_opt_add_arg(&args, "glancefs") | fuse_opt_add_arg(&args, "-o") |
                    fuse_opt_add_arg(&args, option_list(config).c_str());
  SessionPtr session;
  if (added == 0) {
    session.reset(fuse_session_new(&args, &operations(), sizeof(fuse_lowlevel_ops), &shell));
  }
  fuse_opt_free_args(&args);
  if (!session) throw_errno(EINVAL, "mount options: " + complaint.text());
  return session;
}

bool users_may_allow_other() {
  std::ifstream file(kFuseConf);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("user_allow_other")) return true;
  }
  return false;
}

// What libfuse and fusermount3 would say in words that do not help.
void check_prerequisites(const MountConfig& config) {
  if (::access(kDevice, R_OK | W_OK) != 0) {
    throw_errno(errno, fmt::format("{} (load the fuse module, or give a container --device {} and "
                                   "--cap-add SYS_ADMIN)",
                                   kDevice, kDevice));
  }
  if (::geteuid() != 0 && config.allow_other && !users_may_allow_other()) {
    throw_errno(EPERM, fmt::format("allow_other needs the line user_allow_other in {}", kFuseConf));
  }
}

ssize_t read_request(int fd, void* into, std::size_t size, void* /*shell*/) {
  const ssize_t got = ::read(fd, into, size);
  if (got != 0) return got;
  errno = ENODEV;  // what the kernel says after an unmount
  return -1;
}

ssize_t write_answer(int fd, iovec* parts, int count, void* /*shell*/) {
  return ::writev(fd, parts, count);
}

}  // namespace

struct FuseSession::Parts {
  Parts(Filesystem& files, Executor& metadata, Executor& transfers, MountConfig wanted)
      : config(std::move(wanted)),
        shell{files, metadata, transfers, {}, {}, {}, {}},
        session(make_session(config, shell)),
        loop(session.get()) {}

  const MountConfig config;
  Shell shell;
  SessionPtr session;
  FuseLoop loop;
  bool mounted = false;
};

FuseSession::FuseSession(Filesystem& files, Executor& metadata, Executor& transfers,
                         MountConfig config) {
  adopt_fuse_log();
  parts_ = std::make_unique<Parts>(files, metadata, transfers, std::move(config));
}

FuseSession::~FuseSession() {
  // Answers first: unmounting closes the descriptor they are written to.
  parts_->shell.interrupts.end();
  if (parts_->mounted) fuse_session_unmount(parts_->session.get());
  for (auto& [fh, file] : parts_->shell.opened.drain()) {
    parts_->shell.files.release(std::move(file->handle));
  }
}

void FuseSession::mount() {
  check_prerequisites(parts_->config);
  const FuseComplaint complaint;
  errno = 0;
  if (fuse_session_mount(parts_->session.get(), parts_->config.directory.c_str()) != 0) {
    const int error = errno != 0 ? errno : EIO;
    throw_errno(error, fmt::format("{}: {}", parts_->config.directory,
                                   complaint.text().empty()
                                       ? "fusermount3 did not mount (installed and set-uid root?)"
                                       : complaint.text()));
  }
  parts_->mounted = true;
}

void FuseSession::serve_on(Fd connection) {
  fuse_custom_io io{};
  io.read = read_request;
  io.writev = write_answer;
  const int error = fuse_session_custom_io(parts_->session.get(), &io, connection.get());
  if (error != 0) throw_errno(-error, "FUSE connection");
  static_cast<void>(connection.release());  // libfuse closes it with the session
}

void FuseSession::run(std::function<void()> ready) {
  parts_->shell.ready = std::move(ready);
  parts_->loop.run();
}

void FuseSession::request_exit() noexcept { parts_->loop.request_exit(); }

}  // namespace glancefs::fs
