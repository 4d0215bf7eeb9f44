#include "tests/mount/exercised_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/fd.h"

namespace glancefs::mount_test {
namespace {

constexpr std::uint64_t kLargest = 3 * 1024 * 1024;
constexpr std::size_t kRemembered = 80;

bool writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }
bool reads(int flags) { return (flags & O_ACCMODE) != O_WRONLY; }

std::string describe_flags(int flags) {
  std::string text = writes(flags) ? (reads(flags) ? "RDWR" : "WRONLY") : "RDONLY";
  for (const auto& [flag, name] :
       {std::pair{O_CREAT, "CREAT"}, std::pair{O_EXCL, "EXCL"}, std::pair{O_TRUNC, "TRUNC"},
        std::pair{O_APPEND, "APPEND"}, std::pair{O_DIRECT, "DIRECT"}}) {
    if ((flags & flag) == flag) text += std::string("|") + name;
  }
  return text;
}

}  // namespace

std::string Dice::bytes(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t number = random_();
    std::memcpy(text.data() + at, &number, std::min(sizeof number, size - at));
  }
  return text;
}

ExercisedFile::ExercisedFile(std::string mount_point, std::string name, devcloud::DevCloud& cloud,
                             Dice& dice)
    : mount_point_(std::move(mount_point)),
      own_name_(std::move(name)),
      cloud_(cloud),
      dice_(dice) {}

ExercisedFile::~ExercisedFile() {
  for (const Handle& handle : handles_) ::close(handle.fd);
}

void ExercisedFile::step() {
  if (!exists_) return create();
  using Operation = void (ExercisedFile::*)();
  // As often as it stands here.
  static constexpr std::array<Operation, 26> kOperations{
      &ExercisedFile::write,        &ExercisedFile::write,          &ExercisedFile::write,
      &ExercisedFile::write,        &ExercisedFile::write,          &ExercisedFile::write_at_once,
      &ExercisedFile::read,         &ExercisedFile::read,           &ExercisedFile::read,
      &ExercisedFile::resize,       &ExercisedFile::resize_by_path, &ExercisedFile::allocate,
      &ExercisedFile::write_mapped, &ExercisedFile::write_mapped,   &ExercisedFile::read_mapped,
      &ExercisedFile::sync,         &ExercisedFile::check_size,     &ExercisedFile::check_size,
      &ExercisedFile::close_one,    &ExercisedFile::close_one,      &ExercisedFile::reopen,
      &ExercisedFile::reopen,       &ExercisedFile::reopen,         &ExercisedFile::rename,
      &ExercisedFile::set_property, &ExercisedFile::sync_by_path};
  // An image has little left to try: make room for the next file.
  if (dice_.one_in(image_ ? 12 : 150)) return unlink();
  (this->*kOperations.at(dice_.below(kOperations.size())))();
}

void ExercisedFile::finish() {
  while (!handles_.empty()) close(handles_.size() - 1);
  if (exists_ && !dot()) {
    wait_for_image();
    check_image();
  }
  if (exists_) unlink();
}

void ExercisedFile::create() {
  name_ = (dice_.one_in(3) ? "." : "") + own_name_;
  directory_ = dice_.one_in(4) ? "community" : "private";
  int flags = O_CREAT | (dice_.one_in(2) ? O_RDWR : O_WRONLY);
  if (dice_.one_in(2)) flags |= O_EXCL;
  if (dice_.one_in(2)) flags |= O_TRUNC;
  if (dice_.one_in(8)) flags |= O_APPEND;
  if (dice_.one_in(8)) flags |= O_DIRECT;
  note("create " + name_ + " " + describe_flags(flags));
  const int fd = ::open(path().c_str(), flags | O_CLOEXEC, 0644);
  expect(fd >= 0, std::string("create: ") + std::strerror(errno));
  exists_ = true;
  handles_.push_back({.fd = fd, .flags = flags, .exclusive = (flags & O_EXCL) != 0});
}

void ExercisedFile::reopen() {
  if (handles_.size() >= 4) return;
  int flags = std::array{O_RDONLY, O_WRONLY, O_RDWR}.at(dice_.below(3));
  if (writes(flags) && dice_.one_in(8)) flags |= O_TRUNC;
  if (writes(flags) && dice_.one_in(8)) flags |= O_APPEND;
  if (dice_.one_in(8)) flags |= O_DIRECT;
  note("open " + describe_flags(flags));
  const int fd = ::open(path().c_str(), flags | O_CLOEXEC);
  const int error = errno;
  if (fd < 0) {
    // A queued record has nothing to read, an image takes no bytes.
    if (!writes(flags) && error == ENODATA && bytes_.empty() && !has_writers()) return;
    if (!writes(flags) && error == EBUSY && !has_writers()) return wait_for_image();
    expect(writes(flags) && refused_as_image(error), std::string("open: ") + std::strerror(error));
    return;
  }
  handles_.push_back({.fd = fd, .flags = flags});
  expect(!writes(flags) || !image_ || bytes_.empty(), "an image was opened for writing");
  if (writes(flags) && image_) image_ = false;  // a queued record, to be filled
  if ((flags & O_TRUNC) != 0) size_changed(0);
}

void ExercisedFile::write() {
  Handle* const handle = choose(true, false);
  if (handle == nullptr) return;
  const std::uint64_t offset = (handle->flags & O_APPEND) != 0 ? bytes_.size()
                               : dice_.one_in(3)               ? bytes_.size()
                                                               : dice_.below(kLargest);
  const std::size_t size = 1 + dice_.below(dice_.one_in(6) ? 1'500'000 : 70'000);
  if (offset + size > 2 * kLargest) return;
  const std::string bytes = dice_.bytes(size);
  note(fmt::format("write {} at {} (fd {})", size, offset, handle->fd));
  const ssize_t done = ::pwrite(handle->fd, bytes.data(), size, static_cast<off_t>(offset));
  if (done < 0 && image_ && errno == EPERM) return;
  expect(!image_, "the bytes of an image were changed");
  expect(std::cmp_equal(done, size), fmt::format("write: {} {}", done, std::strerror(errno)));
  put(offset, bytes);
}

// Two threads, each with a part of its own.
void ExercisedFile::write_at_once() {
  Handle* const one = choose(true, false);
  Handle* const other = choose(true, false);
  if (one == nullptr || image_ || ((one->flags | other->flags) & O_APPEND) != 0) return;
  const std::uint64_t offset = dice_.below(kLargest);
  const std::size_t size = 1 + dice_.below(200'000);
  const std::string front = dice_.bytes(size), back = dice_.bytes(size);
  note(fmt::format("write twice {} at {}", size, offset));
  const auto run = [&](int fd, std::uint64_t at, const std::string& bytes, bool* right) {
    *right = std::cmp_equal(::pwrite(fd, bytes.data(), size, static_cast<off_t>(at)), size);
  };
  bool front_right = false, back_right = false;
  std::thread beside([&] { run(other->fd, offset + size, back, &back_right); });
  run(one->fd, offset, front, &front_right);
  beside.join();
  expect(front_right && back_right, "writing at once");
  put(offset, front + back);
}

void ExercisedFile::read() {
  Handle* const handle = choose(false, true);
  if (handle == nullptr) return;
  const std::uint64_t offset = dice_.below(bytes_.size() + 5000);
  std::string bytes(1 + dice_.below(200'000), '\xEE');
  const std::string right =
      offset < bytes_.size() ? bytes_.substr(offset, bytes.size()) : std::string();
  note(fmt::format("read {} at {} (fd {})", bytes.size(), offset, handle->fd));
  const ssize_t done = ::pread(handle->fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  expect(done >= 0, std::string("read: ") + std::strerror(errno));
  bytes.resize(static_cast<std::size_t>(done));
  expect(bytes == right, fmt::format("read {} bytes where {} are right", done, right.size()));
}

void ExercisedFile::resize() {
  Handle* const handle = choose(true, false);
  if (handle == nullptr) return;
  const std::uint64_t size = dice_.one_in(5) ? 0 : dice_.below(kLargest);
  note(fmt::format("ftruncate {} (fd {})", size, handle->fd));
  const int result = ::ftruncate(handle->fd, static_cast<off_t>(size));
  if (result != 0 && image_ && errno == EPERM) return;
  expect(!image_ || size == bytes_.size(), "the size of an image was changed");
  expect(result == 0, std::string("ftruncate: ") + std::strerror(errno));
  if (!image_) size_changed(size);
}

void ExercisedFile::resize_by_path() {
  const std::uint64_t size = dice_.below(kLargest);
  note(fmt::format("truncate {}", size));
  if (::truncate(path().c_str(), static_cast<off_t>(size)) == 0) {
    expect(!image_ || size == bytes_.size(), "the size of an image was changed");
    if (!image_) size_changed(size);
  } else {
    expect(refused_as_image(errno), std::string("truncate: ") + std::strerror(errno));
  }
}

void ExercisedFile::allocate() {
  Handle* const handle = choose(true, false);
  if (handle == nullptr) return;
  constexpr int kKeep = FALLOC_FL_KEEP_SIZE;
  const int mode = std::array{0, kKeep, FALLOC_FL_PUNCH_HOLE | kKeep, FALLOC_FL_ZERO_RANGE,
                              FALLOC_FL_ZERO_RANGE | kKeep}
                       .at(dice_.below(5));
  const bool zeroes = (mode & ~kKeep) != 0;
  std::uint64_t offset = dice_.below(kLargest);
  std::uint64_t size = 1 + dice_.below(100'000);
  if (zeroes) {  // what becomes of blocks that are zeroed in part only, file systems decide
    offset = offset / kBlock * kBlock;
    size = (size / kBlock + 1) * kBlock;
  }
  note(fmt::format("fallocate {:x}, {} at {} (fd {})", mode, size, offset, handle->fd));
  const int result =
      ::fallocate(handle->fd, mode, static_cast<off_t>(offset), static_cast<off_t>(size));
  if (result != 0 && image_ && errno == EPERM) return;
  expect(result == 0 && !image_, std::string("fallocate: ") + std::strerror(errno));
  const std::uint64_t end = offset + size;
  if (zeroes && offset < bytes_.size()) {
    std::fill(bytes_.begin() + static_cast<std::ptrdiff_t>(offset),
              bytes_.begin() + static_cast<std::ptrdiff_t>(std::min(end, bytes_.size())), '\0');
  }
  if (zeroes) data_.erase(data_.lower_bound(offset), data_.lower_bound(end));
  if ((mode & kKeep) == 0 && end > bytes_.size()) size_changed(end);
}

void ExercisedFile::write_mapped() {
  Handle* const handle = choose(true, true);
  if (handle == nullptr || image_ || bytes_.empty()) return;
  const std::uint64_t offset = dice_.below(bytes_.size());
  const std::size_t size =
      1 + dice_.below(std::min<std::uint64_t>(100'000, bytes_.size() - offset));
  const std::string bytes = dice_.bytes(size);
  const bool synced = dice_.one_in(3);
  note(fmt::format("write mapped {} at {} (fd {}){}", size, offset, handle->fd,
                   synced ? ", msync" : ""));
  void* const mapped =
      ::mmap(nullptr, bytes_.size(), PROT_READ | PROT_WRITE, MAP_SHARED, handle->fd, 0);
  expect(mapped != MAP_FAILED, std::string("mmap: ") + std::strerror(errno));
  std::memcpy(static_cast<char*>(mapped) + offset, bytes.data(), size);
  const int result = synced ? ::msync(mapped, bytes_.size(), MS_SYNC) : 0;
  ::munmap(mapped, bytes_.size());
  expect(result == 0, std::string("msync: ") + std::strerror(errno));
  put(offset, bytes);
}

void ExercisedFile::read_mapped() {
  Handle* const handle = choose(false, true);
  if (handle == nullptr || bytes_.empty()) return;
  note(fmt::format("read mapped (fd {})", handle->fd));
  void* const mapped = ::mmap(nullptr, bytes_.size(), PROT_READ, MAP_SHARED, handle->fd, 0);
  expect(mapped != MAP_FAILED, std::string("mmap: ") + std::strerror(errno));
  const bool same = std::memcmp(mapped, bytes_.data(), bytes_.size()) == 0;
  ::munmap(mapped, bytes_.size());
  expect(same, "the mapped bytes differ from the model");
}

void ExercisedFile::sync() {
  Handle* const handle = choose(true, false);
  if (handle == nullptr) return;
  note(fmt::format("fsync (fd {})", handle->fd));
  expect(::fsync(handle->fd) == 0, std::string("fsync: ") + std::strerror(errno));
}

// As sync(1): sends what nobody writes any more.
void ExercisedFile::sync_by_path() {
  if (has_writers() || bytes_.empty()) return;
  note("sync by path");
  const Fd fd(::open(path().c_str(), O_RDONLY | O_CLOEXEC));
  expect(fd.get() >= 0 || errno == EBUSY, std::string("open to sync: ") + std::strerror(errno));
  if (fd.get() < 0) return wait_for_image();
  expect(::fsync(fd.get()) == 0, std::string("sync: ") + std::strerror(errno));
  if (!dot()) became_image();
}

void ExercisedFile::close_one() {
  if (!handles_.empty()) close(dice_.below(handles_.size()));
}

void ExercisedFile::close(std::size_t index) {
  const Handle handle = handles_.at(index);
  handles_.erase(handles_.begin() + static_cast<std::ptrdiff_t>(index));
  const bool sends = sends_at_close(handle);
  note(fmt::format("close {} (fd {}){}", describe_flags(handle.flags), handle.fd,
                   sends ? ": uploads" : ""));
  expect(::close(handle.fd) == 0, std::string("close: ") + std::strerror(errno));
  if (sends) became_image();
}

void ExercisedFile::rename() {
  const std::string old_path = path(), old_name = name_, old_directory = directory_;
  const bool was_dot = dot();
  name_ = (dice_.one_in(4) ? "." : "") + own_name_ + (dice_.one_in(2) ? "-renamed" : "");
  directory_ = dice_.one_in(2) ? "community" : "private";
  note("rename to " + directory_ + "/" + name_);
  if (::rename(old_path.c_str(), path().c_str()) != 0) {
    const int error = errno;
    name_ = old_name;
    directory_ = old_directory;
    expect(error == EBUSY && !has_writers() && !dot(),
           std::string("rename: ") + std::strerror(error));
    return wait_for_image();
  }
  if (was_dot && !dot() && !image_ && dirty_ && !has_writers()) became_image();
}

void ExercisedFile::set_property() {
  const std::string key = "exercise_" + std::to_string(dice_.below(3));
  const std::string value = std::to_string(dice_.below(1000));
  note("setxattr " + key + "=" + value);
  expect(::setxattr(path().c_str(), ("user.glance." + key).c_str(), value.data(), value.size(),
                    0) == 0,
         std::string("setxattr: ") + std::strerror(errno));
  properties_[key] = value;
}

void ExercisedFile::unlink() {
  note("unlink");
  expect(::unlink(path().c_str()) == 0, std::string("unlink: ") + std::strerror(errno));
  exists_ = false;
  for (const Handle& handle : std::exchange(handles_, {})) {
    expect(::close(handle.fd) == 0, std::string("close after unlink: ") + std::strerror(errno));
  }
  expect(::access(path().c_str(), F_OK) != 0, "the removed file is there");
  image_ = dirty_ = false;
  data_.clear();
  bytes_.clear();
  properties_.clear();
}

void ExercisedFile::check_size() {
  struct stat status {};
  const bool by_handle = !handles_.empty() && dice_.one_in(2);
  const int result =
      by_handle ? ::fstat(handles_.front().fd, &status) : ::stat(path().c_str(), &status);
  note(by_handle ? "fstat" : "stat");
  expect(result == 0, std::string("stat: ") + std::strerror(errno));
  expect(std::cmp_equal(status.st_size, bytes_.size()),
         fmt::format("size {} where {} is right", status.st_size, bytes_.size()));
}

bool ExercisedFile::has_writers() const {
  return std::ranges::any_of(handles_, [](const Handle& handle) { return writes(handle.flags); });
}

// A handle that can do all that is asked; null: there is none.
ExercisedFile::Handle* ExercisedFile::choose(bool writing, bool reading) {
  std::vector<Handle*> fit;
  for (Handle& handle : handles_) {
    if ((!writing || writes(handle.flags)) && (!reading || reads(handle.flags))) {
      fit.push_back(&handle);
    }
  }
  return fit.empty() ? nullptr : fit.at(dice_.below(fit.size()));
}

bool ExercisedFile::sends_at_close(const Handle& handle) const {
  return !image_ && dirty_ && !dot() && (handle.flags & O_ACCMODE) == O_WRONLY && !has_writers() &&
         (!data_.empty() || handle.exclusive);
}

void ExercisedFile::put(std::uint64_t offset, const std::string& bytes) {
  if (bytes_.size() < offset + bytes.size()) bytes_.resize(offset + bytes.size());
  bytes_.replace(offset, bytes.size(), bytes);
  dirty_ = true;
  for (std::uint64_t block = offset / kBlock * kBlock; block < offset + bytes.size();
       block += kBlock) {
    data_.insert(block);
  }
}

void ExercisedFile::size_changed(std::uint64_t size) {
  dirty_ = size > 0 && (dirty_ || size != bytes_.size());
  data_.erase(data_.lower_bound(size), data_.end());
  bytes_.resize(size);
}

void ExercisedFile::became_image() {
  image_ = true;
  dirty_ = false;
  check_image();
}

// Sent in the background, for nobody writes it any more.
void ExercisedFile::wait_for_image() {
  const bool arrived = cloud_.wait_until(
      [&] {
        const auto image = cloud_.image(id_at_glance());
        return image && (bytes_.empty() || image->status == "active");
      },
      std::chrono::seconds(60));
  expect(arrived, "it never came to Glance");
  image_ = true;
  dirty_ = false;
}

// Whether `error` is what an image that was sent meanwhile gives to writers.
bool ExercisedFile::refused_as_image(int error) {
  if (image_) return error == EPERM;
  if ((error != EPERM && error != EBUSY) || has_writers() || dot()) return false;
  wait_for_image();
  return true;
}

void ExercisedFile::check_image() {
  const auto image = cloud_.image(id_at_glance());
  expect(image.has_value(), "it is not at Glance");
  expect(image->status == (bytes_.empty() ? "queued" : "active"), "it is " + image->status);
  expect(image->visibility == directory_, "it is " + image->visibility);
  std::string bytes(image->data ? image->data->size() : 0, '\0');
  if (image->data) image->data->read(0, bytes);
  expect(bytes == bytes_,
         fmt::format("Glance has {} other bytes where {} are right", bytes.size(), bytes_.size()));
  for (const auto& [key, value] : properties_) {
    const auto found = image->properties.find(key);
    expect(found != image->properties.end() && found->second == value, "property " + key);
  }
}

std::string ExercisedFile::id_at_glance() const {
  for (const std::string& id : cloud_.image_ids()) {
    const auto image = cloud_.image(id);
    if (image && image->name == name_) return id;
  }
  return {};
}

void ExercisedFile::note(const std::string& text) {
  done_.push_back(text);
  if (done_.size() > kRemembered) done_.pop_front();
}

void ExercisedFile::expect(bool right, const std::string& what) const {
  if (right) return;
  std::string text = path() + ": " + what + "\nafter:";
  for (const std::string& each : done_) text += "\n  " + each;
  throw std::runtime_error(text);
}

}  // namespace glancefs::mount_test
