#include "fs/fuse/session.h"

#include <fmt/core.h>
#include <fuse_lowlevel.h>
#include <sys/uio.h>

#include <atomic>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/log.h"
#include "fs/fuse/log.h"
#include "fs/fuse/loop.h"
#include "fs/fuse/mount.h"
#include "fs/fuse/operations.h"
#include "fs/fuse/request.h"

namespace glancefs::fs {
namespace {

struct SessionDeleter {
  void operator()(fuse_session* session) const noexcept { fuse_session_destroy(session); }
};
using SessionPtr = std::unique_ptr<fuse_session, SessionDeleter>;

SessionPtr make_session(const MountConfig& config, Shell& shell) {
  const FuseComplaint complaint;
  fuse_args args = FUSE_ARGS_INIT(0, nullptr);
  const int added = fuse_opt_add_arg(&args, "glancefs") | fuse_opt_add_arg(&args, "-o") |
                    fuse_opt_add_arg(&args, libfuse_options(config).c_str());
  SessionPtr session;
  if (added == 0) {
    session.reset(fuse_session_new(&args, &operations(), sizeof(fuse_lowlevel_ops), &shell));
  }
  fuse_opt_free_args(&args);
  if (!session) throw_errno(EINVAL, "mount options: " + complaint.text());
  return session;
}

ssize_t read_request(int fd, void* into, std::size_t size, void* shell) {
  const ssize_t got = ::read(fd, into, size);
  if (got == 0) errno = ENODEV;  // what the kernel says after an unmount
  if (got <= 0) return -1;
  const std::span request(static_cast<const std::byte*>(into), static_cast<std::size_t>(got));
  static_cast<Shell*>(shell)->passthrough.received(request);
  return got;
}

ssize_t write_answer(int fd, iovec* parts, int count, void* shell) {
  const std::span answer(parts, static_cast<std::size_t>(count));
  return static_cast<Shell*>(shell)->passthrough.send(fd, answer);
}

}  // namespace

struct FuseSession::Parts {
  Parts(Filesystem& files, Executor& metadata, Executor& transfers, OperationCounters& counters,
        MountConfig wanted)
      : config(std::move(wanted)),
        shell(files, metadata, transfers, counters),
        session(make_session(config, shell)),
        loop(session.get()) {
    shell.max_read = max_read(config);
  }

  /// Mounts without libfuse. False: it did not work, but libfuse may know a way, or better words.
  bool mount();
  void serve_on(Fd connection, std::unique_ptr<BackingDevice> device);
  void unmount() noexcept;
  const MountConfig config;
  Shell shell;
  std::optional<FuseMount> own_mount;
  SessionPtr session;
  FuseLoop loop;
  std::atomic<bool> mounted = false;   ///< by libfuse
  std::atomic<bool> detached = false;  ///< somebody has unmounted it
};

bool FuseSession::Parts::mount() {
  try {
    own_mount.emplace(config);
    serve_on(own_mount->connection(), open_backing_device(own_mount->device()));
    return true;
  } catch (const std::system_error& error) {
    log::debug("{}", error.what());
    shell.passthrough.refuse(error.what());
    own_mount.reset();
    return false;
  }
}

void FuseSession::Parts::serve_on(Fd connection, std::unique_ptr<BackingDevice> device) {
  fuse_custom_io io{};
  io.read = read_request;
  io.writev = write_answer;
  const int error = fuse_session_custom_io(session.get(), &io, connection.get());
  if (error != 0) throw_errno(-error, "FUSE connection");
  static_cast<void>(connection.release());  // libfuse closes it with the session
  if (device) shell.passthrough.want(std::move(device));
}

void FuseSession::Parts::unmount() noexcept {
  if (mounted && !detached) fuse_session_unmount(session.get());
  if (!own_mount) return;
  session.reset();  // closes its descriptor
  own_mount.reset();
}

FuseSession::FuseSession(Filesystem& files, Executor& metadata, Executor& transfers,
                         OperationCounters& counters, MountConfig config) {
  adopt_fuse_log();
  parts_ = std::make_unique<Parts>(files, metadata, transfers, counters, std::move(config));
}

FuseSession::~FuseSession() {
  // Answers first: unmounting closes the descriptor they are written to.
  parts_->shell.interrupts.end();
  parts_->shell.files.watch(nullptr);
  parts_->shell.notifier->stop();
  parts_->unmount();
  for (auto& [fh, file] : parts_->shell.opened.drain()) {
    parts_->shell.files.abandon(std::move(file->handle));
  }
}

void FuseSession::mount() {
  check_prerequisites(parts_->config);
  const MountConfig& config = parts_->config;
  const bool wanted = config.passthrough && ::geteuid() == 0 && !config.auto_unmount;
  if (!wanted && ::geteuid() == 0) {
    parts_->shell.passthrough.refuse(config.passthrough ? "auto-unmount" : "switched off");
  }
  if (wanted && !kLibfusePassesThrough && parts_->mount()) {
    return allow_read_ahead(parts_->config.directory);
  }
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
  allow_read_ahead(parts_->config.directory);
  if (wanted && kLibfusePassesThrough) {
    parts_->shell.passthrough.want(open_backing_device(fuse_session_fd(parts_->session.get())));
  }
}

void FuseSession::serve_on(Fd connection, std::unique_ptr<BackingDevice> device) {
  parts_->serve_on(std::move(connection), std::move(device));
}

void FuseSession::run(std::function<void()> ready) {
  parts_->shell.ready = std::move(ready);
  parts_->shell.connection = fuse_session_fd(parts_->session.get());
  parts_->loop.run();
}

void FuseSession::detached() noexcept { parts_->detached = true; }

void FuseSession::request_exit() noexcept { parts_->loop.request_exit(); }

}  // namespace glancefs::fs
