#include "fs/fuse/request.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <climits>

#include "base/fd.h"

namespace glancefs::fs {
namespace {

// A file that another host makes must not stay unseen for long, while a shell's search for a name
// in many places asks only once.
constexpr double kAbsentSeconds = 1.0;
constexpr std::uint64_t kBlock = 4096;  // of statfs

double seconds(std::chrono::milliseconds time) noexcept {
  return std::chrono::duration<double>(time).count();
}

timespec to_timespec(FileTime time) noexcept {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  timespec result{};
  result.tv_sec = whole.time_since_epoch().count();
  result.tv_nsec = (time - whole).count();
  return result;
}

// The process of a thread. A thread that has ended is not found and stands for itself.
pid_t process_of(pid_t thread) {
  const Fd file(::open(fmt::format("/proc/{}/status", thread).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return thread;
  std::array<char, 1024> bytes{};
  const ssize_t size = ::read(file.get(), bytes.data(), bytes.size());
  if (size <= 0) return thread;
  static constexpr std::string_view kField = "\nTgid:\t";
  const std::string_view text(bytes.data(), static_cast<std::size_t>(size));
  const std::size_t at = text.find(kField);
  if (at == std::string_view::npos) return thread;
  pid_t process = thread;
  std::from_chars(text.data() + at + kField.size(), text.data() + text.size(), process);
  return process;
}

// Called by libfuse with a lock of this request held, on the thread that read the INTERRUPT, or
// within fuse_req_interrupt_func() when the INTERRUPT was there first. Stop callbacks may answer
// the request: libfuse holds a reference to it in the first case, and there are none yet in the
// second.
void interrupted(fuse_req_t request, void* ticket) {
  shell_of(request).interrupts.interrupt(reinterpret_cast<Interrupts::Ticket>(ticket));
}

class ParkedRead : public PendingRead {
 public:
  explicit ParkedRead(Request request)
      : request_(std::move(request)),
        interrupted_(request_.wait()) {}

  std::stop_token interrupted() const override { return interrupted_; }
  void done(std::span<const std::byte> bytes) noexcept override { request_.answer(bytes); }
  void fail(std::exception_ptr reason) noexcept override { request_.fail(std::move(reason)); }

 private:
  Request request_;
  std::stop_token interrupted_;
};

}  // namespace

std::unique_ptr<OpenFile> Shell::take(std::uint64_t fh) noexcept {
  std::unique_ptr<OpenFile> file = opened.take(fh);
  if (file != nullptr && file->backing) backings.leave(file->node, *file->backing);
  return file;
}

Request::Request(fuse_req_t request, OperationName operation, NodeId node) noexcept
    : request_(request),
      shell_(&shell_of(request)),
      operation_(operation),
      node_(node),
      began_(std::chrono::steady_clock::now()) {}

Request::Request(Request&& other) noexcept
    : request_(std::exchange(other.request_, nullptr)),
      shell_(other.shell_),
      operation_(other.operation_),
      node_(other.node_),
      began_(other.began_),
      ticket_(std::exchange(other.ticket_, std::nullopt)) {}

Request::~Request() { fail(EIO); }

std::stop_token Request::wait() {
  std::stop_source stop;
  ticket_ = shell_->interrupts.enter(stop);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a number in libfuse's pointer, see Interrupts
  fuse_req_interrupt_func(request_, interrupted, reinterpret_cast<void*>(*ticket_));
  return stop.get_token();
}

Caller Request::caller() const {
  const fuse_ctx& context = *fuse_req_ctx(request_);
  return {.uid = context.uid, .gid = context.gid, .pid = process_of(context.pid)};
}

template <typename Reply>
void Request::finish(Reply&& reply, int error) noexcept {
  fuse_req_t request = std::exchange(request_, nullptr);
  if (request == nullptr) return;
  // Before the answer, so that whoever gets it finds it counted.
  shell_->counters.count(operation_, error, std::chrono::steady_clock::now() - began_);
  reply(request);
  // Last of all: libfuse's session and the Shell stay until the last request has left.
  if (ticket_) shell_->interrupts.leave(*ticket_);
  ticket_.reset();
}

void Request::answer(Done /*done*/) noexcept {
  finish([](fuse_req_t request) { return fuse_reply_err(request, 0); });
}

void Request::answer(Written written) noexcept {
  finish([&](fuse_req_t request) { return fuse_reply_write(request, written.size); });
}

void Request::answer(Position position) noexcept {
  finish([&](fuse_req_t request) {
    return fuse_reply_lseek(request, static_cast<off_t>(position.offset));
  });
}

void Request::answer(const Entry& entry) noexcept {
  const fuse_entry_param param = to_entry(entry, shell_->notifier->valid(entry.valid));
  finish([&](fuse_req_t request) { return fuse_reply_entry(request, &param); });
}

void Request::answer(const Attributes& attributes) {
  const double valid = seconds(shell_->notifier->valid(files().attributes_valid(attributes.node)));
  const struct stat status = to_stat(attributes);
  finish([&](fuse_req_t request) { return fuse_reply_attr(request, &status, valid); });
}

void Request::answer(const Statistics& statistics) noexcept {
  struct statvfs status {};
  status.f_bsize = status.f_frsize = kBlock;
  status.f_blocks = statistics.bytes_total / kBlock;
  status.f_bfree = status.f_bavail = statistics.bytes_free / kBlock;
  status.f_files = statistics.files_total;
  status.f_ffree = status.f_favail = statistics.files_free;
  status.f_namemax = NAME_MAX;
  finish([&](fuse_req_t request) { return fuse_reply_statfs(request, &status); });
}

void Request::answer(const Sized& sized) noexcept {
  if (sized.room == 0) {
    finish([&](fuse_req_t request) { return fuse_reply_xattr(request, sized.value.size()); });
  } else if (sized.room < sized.value.size()) {
    fail(ERANGE);
  } else {
    answer(std::as_bytes(std::span(sized.value)));
  }
}

void Request::answer(std::span<const std::byte> bytes) noexcept {
  finish([&](fuse_req_t request) {
    return fuse_reply_buf(request, reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
}

void Request::answer(OpenAnswer answer) {
  auto info = keep(answer.node, answer.flags, std::move(answer.opened));
  if (!info) return;
  const std::int32_t backing = OpenTable<OpenFile>::at(info->fh).backing.value_or(0);
  finish([&](fuse_req_t request) {
    if (Passthrough::reply_open(request, *info, backing) != 0) drop(*info);
  });
}

void Request::answer(CreateAnswer answer) {
  const fuse_entry_param param =
      to_entry(answer.entry, shell_->notifier->valid(answer.entry.valid));
  auto info = keep(answer.entry.node, answer.flags, std::move(answer.opened));
  if (!info) return;
  const std::int32_t backing = OpenTable<OpenFile>::at(info->fh).backing.value_or(0);
  finish([&](fuse_req_t request) {
    if (Passthrough::reply_create(request, param, *info, backing) != 0) drop(*info);
  });
}

void Request::answer(std::unique_ptr<OpenDirectory> directory) {
  fuse_file_info info{};
  // The kernel keeps the listing while the directory's time is the same, and is told when it is
  // not.
  directory->kept =
      shell_->notifier->works() && files().listing_changed(directory->node).has_value();
  info.cache_readdir = directory->kept;
  info.keep_cache = directory->kept;
  info.fh = shell_->directories.keep(std::move(directory));
  finish([&](fuse_req_t request) {
    if (fuse_reply_open(request, &info) != 0) shell_->directories.take(info.fh);
  });
}

std::optional<fuse_file_info> Request::keep(NodeId node, int flags, Opened opened) {
  const bool writable = (flags & O_ACCMODE) != O_RDONLY;
  std::optional<std::int32_t> backing;
  if ((!writable || opened.file_is_written) && !opened.direct_io) {
    // The kernel opens it with O_DIRECT once and for all, while dd(1) gives that up for its last
    // block, which is no whole one: the write would fail.
    const bool direct_writer = writable && (flags & O_DIRECT) != 0;
    backing = shell_->backings.enter(node, direct_writer ? nullptr : opened.file.get());
    if (*backing != 0 && writable) files().kernel_writes(*opened.handle);
  } else if (!opened.direct_io) {
    if (!shell_->backings.enter_cached(node)) {
      files().release(std::move(opened.handle));
      fail(ESTALE);
      return std::nullopt;
    }
    backing = 0;
  }
  fuse_file_info info{};
  info.flags = flags;
  info.keep_cache = opened.keep_cache;
  info.direct_io = opened.direct_io;
  // Nothing to bring home at close(2), so the kernel need not ask (Linux >= 5.16).
  info.noflush = !writable;
  info.fh = shell_->opened.keep(std::make_unique<OpenFile>(OpenFile{
      .node = node, .handle = std::move(opened.handle), .writable = writable, .backing = backing}));
  return info;
}

void Request::drop(const fuse_file_info& info) noexcept {
  if (const auto file = shell_->take(info.fh)) files().release(std::move(file->handle));
}

void Request::fail(int error) noexcept {
  finish([&](fuse_req_t request) { return fuse_reply_err(request, error); }, error);
}

void Request::fail(std::exception_ptr reason) noexcept {
  if (request_ == nullptr) return;
  const int error = files().explain(operation_.name(), node_, std::move(reason));
  fail(error > 0 ? error : EIO);  // 0 would be success
}

std::unique_ptr<PendingRead> park(Request request) {
  return std::make_unique<ParkedRead>(std::move(request));
}

struct stat to_stat(const Attributes& attributes) noexcept {
  struct stat status {};
  status.st_ino = attributes.node;
  status.st_mode = attributes.mode;
  status.st_uid = attributes.uid;
  status.st_gid = attributes.gid;
  status.st_nlink = attributes.links;
  status.st_size = static_cast<off_t>(attributes.size);
  status.st_blocks = static_cast<blkcnt_t>(attributes.blocks);
  status.st_mtim = to_timespec(attributes.modified);
  status.st_ctim = to_timespec(attributes.changed);
  status.st_atim = status.st_mtim;
  return status;
}

fuse_entry_param to_entry(const Entry& entry, std::chrono::milliseconds valid) noexcept {
  fuse_entry_param param{};
  param.ino = entry.node;
  if (entry.node == 0) {
    param.entry_timeout = kAbsentSeconds;
    return param;
  }
  param.attr = to_stat(entry.attributes);
  param.attr_timeout = param.entry_timeout = seconds(valid);
  return param;
}

}  // namespace glancefs::fs
