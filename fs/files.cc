#include "fs/files.h"

#include <fcntl.h>

#include <algorithm>
#include <limits>

#include "base/fd.h"
#include "base/log.h"
#include "client/import_state.h"
#include "fs/catalogue/new_name.h"
#include "fs/handles.h"
#include "fs/write/unfinished.h"

namespace glancefs::fs {
namespace {

using client::Status;

bool wants_to_write(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0; }

UploadHandle& writable(Handle& handle) {
  auto* file = dynamic_cast<UploadHandle*>(&handle);
  if (file == nullptr || !file->writable) throw_errno(EBADF, "the file is not open for writing");
  return *file;
}

void read_text(const TextHandle& file, std::uint64_t offset, std::size_t size,
               PendingRead& reader) {
  const std::shared_ptr<const std::string> text = file.text;
  const std::string_view rest =
      std::string_view(*text).substr(std::min<std::uint64_t>(offset, text->size()), size);
  reader.done(std::as_bytes(std::span(rest)));
}

void read_spool(const UploadHandle& file, std::uint64_t offset, std::size_t size,
                PendingRead& reader) {
  if (!file.readable) throw_errno(EBADF, "the file is not open for reading");
  std::vector<std::byte> bytes(size);
  bytes.resize(file.upload->spool().read(offset, bytes));
  reader.done(bytes);
}

// Of one that is not being written.
std::uint64_t size_of_handle(const Handle& handle) {
  if (const auto* text = dynamic_cast<const TextHandle*>(&handle)) return text->text->size();
  return dynamic_cast<const ImageHandle&>(handle).image->size.value_or(0);
}

// Accepted, not begun: the status says nothing of it yet.
bool import_waits(const client::Image& image) {
  return client::import_state(image, {}).phase == client::ImportPhase::kWaiting;
}

// Why the data of `image` cannot be read now; 0: it can.
int unreadable(const client::Image& image, bool is_admin) {
  switch (image.status) {
    case Status::kActive:
      return image.size ? 0 : EIO;
    case Status::kDeactivated:
      if (!is_admin) return EACCES;
      return image.size ? 0 : EIO;
    case Status::kQueued:
      return import_waits(image) ? EBUSY : ENODATA;
    case Status::kSaving:
    case Status::kUploading:
    case Status::kImporting:
      return EBUSY;
    case Status::kOther:
      return EIO;
  }
  return EIO;
}

}  // namespace

void check_readable(const client::Image& image, bool is_admin) {
  const int error = unreadable(image, is_admin);
  if (error == 0) return;
  const std::string state = import_waits(image) ? "about to be imported" : image.status_word;
  throw_errno(error, "image " + image.id + " is " + state +
                         (error == EACCES ? ", only administrators can read it"
                                          : ", it has no data to read"));
}

Opened Files::open(NodeId node, int flags, const Caller& caller, std::stop_token stop) {
  if (control_.is_file(node)) {
    if (wants_to_write(flags)) throw_errno(EACCES, "this file cannot be written");
    auto handle = std::make_unique<TextHandle>();
    handle->text = std::make_shared<const std::string>(control_.text(node));
    return {.handle = std::move(handle), .keep_cache = false, .direct_io = true};
  }
  if (node < kFirstImageNode) throw_errno(EISDIR, "this is a directory");
  const std::optional<Node> known = tree_.node(node);
  if (!known) throw_errno(ESTALE, "the image is gone");
  if (wants_to_write(flags) && config_.read_only) throw_errno(EROFS, "mounted read-only");
  if (known->upload) return open_upload(*known, flags, caller);
  std::optional<Node> confirmed = catalogue_.confirmed(*known, stop);
  // What refuses must be true now; of what lets in, the downloads will show it.
  if (confirmed && !confirmed->upload && unreadable(*confirmed->image, config_.is_admin) != 0) {
    confirmed->confirmed = Tree::Time::min();
    confirmed = catalogue_.confirmed(*confirmed, stop);
  }
  if (!confirmed) throw_errno(ENOENT, "the image is gone");
  if (wants_to_write(flags)) return open_for_writing(*confirmed, flags, caller, stop);
  return open_image(*confirmed, stop);
}

Opened Files::open_upload(const Node& node, int flags, const Caller& caller) {
  auto handle = std::make_unique<UploadHandle>();
  handle->node = node.id;
  handle->upload = node.upload;
  handle->readable = (flags & O_ACCMODE) != O_WRONLY;
  handle->writable = (flags & O_ACCMODE) != O_RDONLY;
  // Programs that read what they write (qemu-img, rsync) close and open again before they are done.
  if ((flags & O_ACCMODE) == O_WRONLY) handle->sender = caller.pid;
  handle->exclusive = (flags & O_EXCL) != 0;
  if (handle->writable) {
    handle->writer = Writer(caller.pid);
    node.upload->open_writer();
  }
  try {
    if ((flags & O_TRUNC) != 0) node.upload->truncate(0);
  } catch (...) {
    if (handle->writable) node.upload->close_writer();
    throw;
  }
  return {.handle = std::move(handle),
          .keep_cache = false,
          .direct_io = false,
          .file = node.upload->spool().file(),
          .file_is_written = true};
}

Opened Files::open_image(const Node& node, const std::stop_token& stop) {
  const client::Image& image = *node.image;
  check_readable(image, config_.is_admin);
  if (!uploads_.settlements().wait(image.id, stop)) {
    // The kernel would let the reader see what is written now, which the image has not.
    throw_errno(EBUSY, "whoever wrote image " + image.id + " has not closed it yet");
  }
  auto handle = std::make_unique<ImageHandle>();
  handle->node = node.id;
  handle->image = node.image;
  Opened opened;
  opened.keep_cache = true;
  if (*image.size > 0) {
    handle->reader = fetcher_.open(node.image);
    // Only proven bytes may outlive this open in the kernel's page cache, or be read without us.
    opened.keep_cache = Fetcher::proven(*handle->reader);
    opened.file = Fetcher::file(*handle->reader);
  }
  opened.handle = std::move(handle);
  return opened;
}

Opened Files::open_for_writing(const Node& node, int flags, const Caller& caller,
                               const std::stop_token& stop) {
  const client::Image& image = *node.image;
  const bool empties = (flags & O_TRUNC) != 0 && (flags & O_ACCMODE) != O_RDONLY;
  if (config_.replace && empties && image.status != Status::kQueued) {
    uploads_.removals().check_replaceable(node);
    uploads_.begin_replacing(image, caller.pid, stop);
    throw_errno(ESTALE, "the name leads to a new file now");
  }
  if (!node.ours) throw_errno(EACCES, "image " + image.id + " belongs to another project");
  switch (image.status) {
    case Status::kQueued:
      if (is_poisoned(image)) {
        throw_errno(EPERM, "image " + image.id + " takes no data any more; remove it");
      }
      if (!import_waits(image)) break;
      [[fallthrough]];
    case Status::kSaving:
    case Status::kUploading:
    case Status::kImporting:
      throw_errno(EBUSY, "image " + image.id + " is being written elsewhere");
    default:
      throw_errno(EPERM, "the bytes of image " + image.id + " never change; write a new image");
  }
  Node filled = node;
  filled.upload = uploads_.fill(image);
  return open_upload(filled, flags, caller);
}

std::pair<Node, Opened> Files::create(NodeId parent, std::string_view name, int flags,
                                      const Caller& caller, std::stop_token stop) {
  const auto visibility = tree_.directories().visibility(parent);
  if (!visibility) throw_errno(EPERM, "images live in the directories of visibility");
  if (const auto existing = tree_.find(parent, name)) {
    if ((flags & O_EXCL) != 0) throw_errno(EEXIST, "there is an image of this name");
    try {
      return {*existing, open(existing->id, flags, caller, stop)};
    } catch (const std::system_error& error) {
      const auto other = tree_.find(parent, name);
      if (error.code().value() != ESTALE || !other || other->id == existing->id) throw;
      return {*other, open(other->id, flags, caller, std::move(stop))};
    }
  }
  if (config_.read_only) throw_errno(EROFS, "mounted read-only");
  const std::string image_name = new_image_name(tree_, name);
  const std::shared_ptr<Upload> upload =
      uploads_.create({.visibility = *visibility, .name = image_name, .replaces = {}});
  const std::optional<Node> node = tree_.by_id(upload->id());
  if (!node) throw_errno(ESTALE, "the file was removed while it was made");
  return {*node, open_upload(*node, flags & ~O_TRUNC, caller)};
}

void Files::read(Handle& handle, std::uint64_t offset, std::size_t size,
                 std::unique_ptr<PendingRead> reader) {
  try {
    if (const auto* text = dynamic_cast<const TextHandle*>(&handle)) {
      return read_text(*text, offset, size, *reader);
    }
    if (const auto* upload = dynamic_cast<const UploadHandle*>(&handle)) {
      return read_spool(*upload, offset, size, *reader);
    }
    const auto& file = dynamic_cast<const ImageHandle&>(handle);
    const std::uint64_t end = file.image->size.value_or(0);
    if (offset >= end || size == 0) return reader->done({});
    const std::uint64_t length = std::min<std::uint64_t>(size, end - offset);
    fetcher_.read(file.reader, {.offset = offset, .length = length}, std::move(reader));
  } catch (...) {
    if (reader) reader->fail(std::current_exception());
  }
}

void Files::kernel_writes(Handle& handle) { writable(handle).upload->share(); }

void Files::write(Handle& handle, std::uint64_t offset, std::span<const std::byte> bytes) {
  writable(handle).upload->write(offset, bytes);
}

void Files::truncate(Handle& handle, std::uint64_t size) {
  writable(handle).upload->truncate(size);
}

void Files::allocate(Handle& handle, int mode, std::uint64_t offset, std::uint64_t length,
                     const std::stop_token& stop) {
  if (length > std::numeric_limits<std::int64_t>::max() - offset) {
    throw_errno(EFBIG, "beyond the largest file");
  }
  writable(handle).upload->allocate(mode, offset, length, stop);
}

// An image is data from front to back: which of it are zeros only its bytes tell.
std::uint64_t Files::seek(const Handle& handle, std::uint64_t offset, Seek wanted) {
  std::optional<std::uint64_t> found;
  if (const auto* file = dynamic_cast<const UploadHandle*>(&handle)) {
    const cache::Spool& spool = file->upload->spool();
    found = wanted == Seek::kData ? spool.next_data(offset) : spool.next_hole(offset);
  } else {
    const std::uint64_t end = size_of_handle(handle);
    if (offset < end) found = wanted == Seek::kData ? offset : end;
  }
  if (!found) throw_errno(ENXIO, "there is none up to the end of the file");
  return *found;
}

// Only the last close by the process that opened the file, after somebody wrote to it, says that it
// is whole: shells close a copy of the descriptor before the first byte and after each command that
// they run themselves, and their children close theirs. Whoever wrote what came too late hears of
// it in any case.
bool Files::flush_uploads(const Handle& handle, const Caller& caller) {
  const auto* file = dynamic_cast<const UploadHandle*>(&handle);
  if (file == nullptr || !file->writable || !file->upload->dirty()) return false;
  if (file->upload->state() == Upload::State::kDone || file->writer.killed()) return true;
  if (file->sender != caller.pid || file->upload->held()) return false;
  // truncate(1) makes files that others fill; cp(1) makes such of one great hole, with O_EXCL.
  if (file->upload->only_sized() && !file->exclusive) return false;
  if (file->upload->is_local()) return false;
  return !writes_on(caller.pid, file->node);
}

void Files::flush(Handle& handle, const Caller& caller, std::stop_token stop) {
  if (!flush_uploads(handle, caller)) return;
  auto& file = dynamic_cast<UploadHandle&>(handle);
  if (file.writer.killed()) return give_up(file);
  uploads_.publish(file.upload, std::move(stop));
}

// A dead program closes its files, too. What it had written is not what it was to be.
void Files::give_up(const UploadHandle& file) {
  if (file.upload->state() == Upload::State::kDone) return;
  uploads_.hold(file.upload, "the program that wrote it was killed before it closed the file");
}

// Somebody who can only read a file makes it durable: sync(1), by hand or at the end of a script.
bool Files::sync_uploads(const Handle& handle) {
  const auto* file = dynamic_cast<const UploadHandle*>(&handle);
  return file != nullptr && !file->writable && !file->upload->removed() &&
         !file->upload->is_local();
}

void Files::sync(Handle& handle, std::stop_token stop) {
  auto* file = dynamic_cast<UploadHandle*>(&handle);
  if (file == nullptr) return;
  if (sync_uploads(handle) && file->upload->wait_for_writers(Uploads::kReleaseTime)) {
    return uploads_.publish_now(file->upload, false, std::move(stop));
  }
  file->upload->spool().sync();
}

void Files::release(std::unique_ptr<Handle> handle) noexcept {
  try {
    if (const auto* image = dynamic_cast<const ImageHandle*>(handle.get())) {
      if (image->reader) fetcher_.close(image->reader);
    } else if (const auto* file = dynamic_cast<const UploadHandle*>(handle.get())) {
      if (!file->writable) return;
      if (file->upload->unsent() && file->writer.killed()) give_up(*file);
      if (file->upload->close_writer()) uploads_.release(file->upload);
    }
  } catch (const std::exception& error) {
    log::error("closing a file: {}", error.what());
  }
}

void Files::abandon(std::unique_ptr<Handle> handle) noexcept {
  auto* file = dynamic_cast<UploadHandle*>(handle.get());
  if (file == nullptr) return release(std::move(handle));
  if (!file->writable) return;
  // Whatever else has become of it: nobody has said that it is whole.
  if (file->upload->state() != Upload::State::kDone) {
    file->upload->hold("the mount ended while a program had it open for writing");
  }
  file->upload->close_writer();
}

}  // namespace glancefs::fs
