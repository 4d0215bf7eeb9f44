#include "fs/fuse/passthrough.h"

#include <linux/fuse.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>

namespace glancefs::fs {
namespace {

// From Linux 6.9's <linux/fuse.h>; Debian 12's is older. The numbers are fixed by the ABI.
constexpr std::uint32_t kPassthroughFlag2 = 1U << 5;  // FUSE_PASSTHROUGH, bit 37 of the flags
constexpr std::uint32_t kOpenPassthrough = 1U << 7;   // FOPEN_PASSTHROUGH
// fuse_init_out::max_stack_depth: the field after flags2.
constexpr std::size_t kStackDepthAt = offsetof(fuse_init_out, flags2) + sizeof(std::uint32_t);
// Ours is the only layer: the files are on an ordinary file system, and an overlay over the mount
// stays possible. libfuse's default, too.
constexpr std::uint32_t kStackDepth = 1;

struct BackingMap {  // fuse_backing_map
  std::int32_t fd;
  std::uint32_t flags;
  std::uint64_t padding;
};
constexpr unsigned long kBackingOpen = _IOW(229, 1, BackingMap);      // FUSE_DEV_IOC_BACKING_OPEN
constexpr unsigned long kBackingClose = _IOW(229, 2, std::uint32_t);  // FUSE_DEV_IOC_BACKING_CLOSE

struct OpenOut {  // fuse_open_out
  std::uint64_t fh;
  std::uint32_t open_flags;
  std::int32_t backing_id;
};
static_assert(sizeof(OpenOut) == sizeof(fuse_open_out));

class FuseDevice : public BackingDevice {
 public:
  explicit FuseDevice(int fd) noexcept : fd_(fd) {}

  // libfuse 3.17's own function for it keeps the errno to itself.
  std::int32_t open(const Fd& file) override {
    BackingMap map{.fd = file.get(), .flags = 0, .padding = 0};
    const int id = ::ioctl(fd_, kBackingOpen, &map);
    if (id <= 0) throw_errno(id < 0 ? errno : EIO, "FUSE_DEV_IOC_BACKING_OPEN");
    return id;
  }

  void close(std::int32_t id) noexcept override {
    auto number = static_cast<std::uint32_t>(id);
    ::ioctl(fd_, kBackingClose, &number);
  }

 private:
  const int fd_;
};

#if FUSE_VERSION < FUSE_MAKE_VERSION(3, 17)
OpenOut passed_open(const fuse_file_info& info, std::int32_t backing) noexcept {
  return {.fh = info.fh,
          .open_flags = kOpenPassthrough | (info.noflush != 0 ? FOPEN_NOFLUSH : 0U),
          .backing_id = backing};
}

// Seconds and nanoseconds of a time that the kernel may remember something.
std::pair<std::uint64_t, std::uint32_t> validity(double seconds) noexcept {
  constexpr double kNano = 1e9;
  const auto whole = static_cast<std::uint64_t>(seconds);
  return {whole, static_cast<std::uint32_t>((seconds - static_cast<double>(whole)) * kNano)};
}

// What libfuse makes of an entry, and keeps to itself.
fuse_entry_out entry_out(const fuse_entry_param& entry) noexcept {
  const struct stat& from = entry.attr;
  fuse_entry_out out{};
  out.nodeid = entry.ino;
  out.generation = entry.generation;
  std::tie(out.entry_valid, out.entry_valid_nsec) = validity(entry.entry_timeout);
  std::tie(out.attr_valid, out.attr_valid_nsec) = validity(entry.attr_timeout);
  out.attr.ino = from.st_ino;
  out.attr.size = static_cast<std::uint64_t>(from.st_size);
  out.attr.blocks = static_cast<std::uint64_t>(from.st_blocks);
  out.attr.atime = static_cast<std::uint64_t>(from.st_atim.tv_sec);
  out.attr.mtime = static_cast<std::uint64_t>(from.st_mtim.tv_sec);
  out.attr.ctime = static_cast<std::uint64_t>(from.st_ctim.tv_sec);
  out.attr.mode = from.st_mode;
  out.attr.nlink = static_cast<std::uint32_t>(from.st_nlink);
  out.attr.uid = from.st_uid;
  out.attr.gid = from.st_gid;
  out.attr.blksize = static_cast<std::uint32_t>(from.st_blksize);
  return out;
}
#endif

template <typename T>
T read_at(std::span<const std::byte> bytes, std::size_t offset) noexcept {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace

std::unique_ptr<BackingDevice> open_backing_device(int fd) {
  return std::make_unique<FuseDevice>(fd);
}

void Passthrough::received(std::span<const std::byte> request) noexcept {
  if (request.size() < sizeof(fuse_in_header) + sizeof(fuse_init_in)) return;
  const auto header = read_at<fuse_in_header>(request, 0);
  if (header.opcode != FUSE_INIT) return;
  const auto hello = read_at<fuse_init_in>(request, sizeof header);
  offered_ = (hello.flags & FUSE_INIT_EXT) != 0 && (hello.flags2 & kPassthroughFlag2) != 0;
  if (!kLibfusePassesThrough && offered_ && device_ != nullptr) hello_ = header.unique;
}

BackingDevice* Passthrough::agree([[maybe_unused]] fuse_conn_info& connection) {
  if (device_ == nullptr) return nullptr;
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
  offered_ = (connection.capable & FUSE_CAP_PASSTHROUGH) != 0;
  if (offered_) connection.want |= FUSE_CAP_PASSTHROUGH;
#endif
  if (offered_) return device_.get();
  refuse("the kernel offers no passthrough, Linux 6.9 is the first that does");
  return nullptr;
}

ssize_t Passthrough::send(int fd, std::span<const iovec> parts) noexcept {
  const auto count = static_cast<int>(parts.size());
  const std::uint64_t hello = hello_.load(std::memory_order_relaxed);
  if (hello == 0 || parts.size() != 2 || parts[1].iov_len != sizeof(fuse_init_out)) {
    return ::writev(fd, parts.data(), count);
  }
  const auto* head = static_cast<const fuse_out_header*>(parts[0].iov_base);
  if (head->unique != hello || head->error != 0) return ::writev(fd, parts.data(), count);
  hello_ = 0;
  std::array<std::byte, sizeof(fuse_init_out)> bytes{};
  std::memcpy(bytes.data(), parts[1].iov_base, bytes.size());
  auto answer = read_at<fuse_init_out>(bytes, 0);
  answer.flags |= FUSE_INIT_EXT;
  answer.flags2 |= kPassthroughFlag2;
  std::memcpy(bytes.data(), &answer, sizeof answer);
  std::memcpy(bytes.data() + kStackDepthAt, &kStackDepth, sizeof kStackDepth);
  const std::array<iovec, 2> changed{parts[0], {.iov_base = bytes.data(), .iov_len = bytes.size()}};
  return ::writev(fd, changed.data(), static_cast<int>(changed.size()));
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
int Passthrough::reply_open(fuse_req_t request, fuse_file_info& info,
                            std::int32_t backing) noexcept {
  if (backing != 0) info.keep_cache = 0;  // together the kernel refuses them: EIO
  info.backing_id = backing;
  return fuse_reply_open(request, &info);
}

int Passthrough::reply_create(fuse_req_t request, const fuse_entry_param& entry,
                              fuse_file_info& info, std::int32_t backing) noexcept {
  if (backing != 0) info.keep_cache = 0;
  info.backing_id = backing;
  return fuse_reply_create(request, &entry, &info);
}
#else
int Passthrough::reply_open(fuse_req_t request, fuse_file_info& info,
                            std::int32_t backing) noexcept {
  if (backing == 0) return fuse_reply_open(request, &info);
  const OpenOut answer = passed_open(info, backing);
  return fuse_reply_buf(request, reinterpret_cast<const char*>(&answer), sizeof answer);
}

int Passthrough::reply_create(fuse_req_t request, const fuse_entry_param& entry,
                              fuse_file_info& info, std::int32_t backing) noexcept {
  if (backing == 0) return fuse_reply_create(request, &entry, &info);
  const struct {
    fuse_entry_out entry;
    OpenOut open;
  } answer{.entry = entry_out(entry), .open = passed_open(info, backing)};
  return fuse_reply_buf(request, reinterpret_cast<const char*>(&answer), sizeof answer);
}
#endif

}  // namespace glancefs::fs
