#include "fs/fuse/operations.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "base/log.h"
#include "fs/fuse/directory.h"
#include "fs/fuse/mount.h"
#include "fs/fuse/request.h"
#include "fs/fuse/space.h"
#include "fs/fuse/xattrs.h"

namespace glancefs::fs {
namespace {

// The kernel lets 12 read-ahead requests wait at once unless told otherwise, and a read that waits
// for the network counts: a few stalled images would stop reading of all others.
constexpr unsigned kMaxBackground = 512;
constexpr unsigned kCongestion = 384;
constexpr unsigned kMaxWrite = 1024 * 1024;  // what the kernel sends at most

// Passthrough and the write-back cache exclude each other; the kernel would refuse both.
void agree_on_passthrough(Shell& shell, fuse_conn_info& connection) {
  BackingDevice* const device = shell.passthrough.agree(connection);
  if (device != nullptr) shell.backings.use(*device);
  const std::string mode = device != nullptr ? "by the kernel (passthrough)"
                                             : "by the daemon: " + shell.passthrough.refused();
  log::info("complete images are read {}", mode);
  shell.files.set_read_mode(mode);
}

void init(void* userdata, fuse_conn_info* connection) {
  // Not wanted: splice (no gain measured, often a loss), the write-back cache (its errors would
  // come after close(2)), export by NFS (needs lookups of "." by node).
  constexpr unsigned kWanted =
      FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_ATOMIC_O_TRUNC |
      FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS |
      FUSE_CAP_READDIRPLUS_AUTO |
      // The kernel then does not ask for security.capability before each write.
      FUSE_CAP_HANDLE_KILLPRIV;
  connection->want = connection->capable & kWanted;
  connection->max_write = kMaxWrite;
  connection->max_read = static_cast<Shell*>(userdata)->max_read;
  connection->max_readahead = kReadAhead;
  connection->max_background = kMaxBackground;
  connection->congestion_threshold = kCongestion;
  Shell& shell = *static_cast<Shell*>(userdata);
  agree_on_passthrough(shell, *connection);
  if (connection->proto_minor >= Notices::kProtocol) {
    shell.notifier->start(shell.connection);
    shell.files.watch(shell.notifier);
  }
  if (shell.ready) shell.ready();
}

void lookup(fuse_req_t raw, fuse_ino_t parent, const char* name) {
  Request request(raw, "lookup", parent);
  attempt(request, [&] {
    if (const auto known = request.files().find(parent, name)) {
      Shell& shell = request.shell();
      if (known->node != 0 && shell.listings.asks_one_by_one(parent)) {
        shell.notifier->drop_listing(parent);
      }
      return request.answer(*known);
    }
    Executor& metadata = request.shell().metadata;
    dispatch(metadata, std::move(request),
             [parent, name = std::string(name)](Request& asked, std::stop_token stop) {
               return asked.files().lookup(parent, name, std::move(stop));
             });
  });
}

void getattr(fuse_req_t raw, fuse_ino_t node, fuse_file_info* /*info*/) {
  serve(raw, "getattr", node, [&](Request& request) { return request.files().attributes(node); });
}

void setattr(fuse_req_t raw, fuse_ino_t node, struct stat* wanted, int which,
             fuse_file_info* info) {
  AttributeChange change;  // times are not ours to set: asking for them changes nothing
  if ((which & FUSE_SET_ATTR_MODE) != 0) change.mode = wanted->st_mode;
  if ((which & FUSE_SET_ATTR_SIZE) != 0) change.size = static_cast<std::uint64_t>(wanted->st_size);
  if ((which & FUSE_SET_ATTR_UID) != 0) change.uid = wanted->st_uid;
  if ((which & FUSE_SET_ATTR_GID) != 0) change.gid = wanted->st_gid;
  Handle* handle = info == nullptr ? nullptr : OpenTable<OpenFile>::at(info->fh).handle.get();
  dispatch_change(shell_of(raw).metadata, raw, "setattr", node,
                  [node, change, handle](Request& request, std::stop_token stop) {
                    return request.files().change(node, change, handle, std::move(stop));
                  });
}

// What Glance has nothing like, with the reason kept for the directory.
void refuse(fuse_req_t raw, OperationName operation, fuse_ino_t directory, const std::string& why) {
  serve(raw, operation, directory, [&](Request& /*request*/) -> Done { throw_errno(EPERM, why); });
}

// tar makes files this way, with attributes, and opens them for their bytes later.
void mknod(fuse_req_t raw, fuse_ino_t parent, const char* name, mode_t mode, dev_t /*device*/) {
  if (!S_ISREG(mode)) {
    return refuse(raw, "mknod", parent, "images are ordinary files; Glance has no others");
  }
  dispatch_change(shell_of(raw).metadata, raw, "mknod", parent,
                  [parent, name = std::string(name)](Request& request, std::stop_token stop) {
                    auto [entry, opened] =
                        request.files().create(parent, name, O_WRONLY | O_CREAT | O_EXCL,
                                               request.caller(), std::move(stop));
                    request.files().release(std::move(opened.handle));
                    return entry;
                  });
}

// Directories are visibilities and projects: nobody makes or removes one. Images have one name.
void mkdir(fuse_req_t raw, fuse_ino_t parent, const char* /*name*/, mode_t /*mode*/) {
  refuse(raw, "mkdir", parent, "the directories are Glance's visibilities; none can be made");
}

void rmdir(fuse_req_t raw, fuse_ino_t parent, const char* /*name*/) {
  refuse(raw, "rmdir", parent, "the directories are Glance's visibilities; none can be removed");
}

void symlink(fuse_req_t raw, const char* target, fuse_ino_t parent, const char* name) {
  dispatch_change(shell_of(raw).metadata, raw, "symlink", parent,
                  [parent, target = std::string(target), name = std::string(name)](
                      Request& request, std::stop_token stop) {
                    return request.files().symlink(parent, name, target, std::move(stop));
                  });
}

void link(fuse_req_t raw, fuse_ino_t /*node*/, fuse_ino_t parent, const char* /*name*/) {
  refuse(raw, "link", parent, "an image has one name; Glance has no hard links");
}

void unlink(fuse_req_t raw, fuse_ino_t parent, const char* name) {
  dispatch_change(shell_of(raw).metadata, raw, "unlink", parent,
                  [parent, name = std::string(name)](Request& request, std::stop_token stop) {
                    request.files().unlink(parent, name, std::move(stop));
                    return Done{};
                  });
}

void rename(fuse_req_t raw, fuse_ino_t from, const char* name, fuse_ino_t to, const char* new_name,
            unsigned flags) {
  dispatch_change(shell_of(raw).metadata, raw, "rename", from,
                  [from, to, flags, name = std::string(name), new_name = std::string(new_name)](
                      Request& request, std::stop_token stop) {
                    request.files().rename(from, name, to, new_name, flags, std::move(stop));
                    return Done{};
                  });
}

void open(fuse_req_t raw, fuse_ino_t node, fuse_file_info* info) {
  dispatch(
      shell_of(raw).metadata, raw, "open", node,
      [node, flags = info->flags](Request& request, std::stop_token stop) {
        // Who reads is nobody's business, and costs a look into /proc.
        const Caller caller = (flags & O_ACCMODE) == O_RDONLY ? Caller{} : request.caller();
        return OpenAnswer{node, flags, request.files().open(node, flags, caller, std::move(stop))};
      });
}

void create(fuse_req_t raw, fuse_ino_t parent, const char* name, mode_t /*mode*/,
            fuse_file_info* info) {
  dispatch_change(shell_of(raw).metadata, raw, "create", parent,
                  [parent, name = std::string(name), flags = info->flags](Request& request,
                                                                          std::stop_token stop) {
                    auto [entry, opened] = request.files().create(
                        parent, name, flags, request.caller(), std::move(stop));
                    return CreateAnswer{entry, flags, std::move(opened)};
                  });
}

void read(fuse_req_t raw, fuse_ino_t node, std::size_t size, off_t offset, fuse_file_info* info) {
  Request request(raw, "read", node);
  attempt(request, [&] {
    Filesystem& files = request.files();
    Handle& handle = *OpenTable<OpenFile>::at(info->fh).handle;
    files.read(handle, static_cast<std::uint64_t>(offset), size, park(std::move(request)));
  });
}

void write(fuse_req_t raw, fuse_ino_t node, const char* bytes, std::size_t size, off_t offset,
           fuse_file_info* info) {
  serve(raw, "write", node, [&](Request& request) {
    request.files().write(*OpenTable<OpenFile>::at(info->fh).handle,
                          static_cast<std::uint64_t>(offset),
                          std::as_bytes(std::span(bytes, size)));
    return Written{size};
  });
}

// Most closes have nothing to send; they must not queue behind those that have.
void flush(fuse_req_t raw, fuse_ino_t node, fuse_file_info* info) {
  Request request(raw, "flush", node);
  attempt(request, [&] {
    OpenFile& file = OpenTable<OpenFile>::at(info->fh);
    const Caller caller = file.writable ? request.caller() : Caller{};
    if (!file.writable || !request.files().flush_uploads(*file.handle, caller)) {
      return request.answer(Done{});
    }
    Executor& transfers = request.shell().transfers;
    dispatch(transfers, std::move(request), [&file, caller](Request& asked, std::stop_token stop) {
      asked.files().flush(*file.handle, caller, std::move(stop));
      asked.settle();
      return Done{};
    });
  });
}

void fsync(fuse_req_t raw, fuse_ino_t node, int /*data_only*/, fuse_file_info* info) {
  OpenFile& file = OpenTable<OpenFile>::at(info->fh);
  Shell& shell = shell_of(raw);
  const bool uploads = !file.writable && shell.files.sync_uploads(*file.handle);
  dispatch_change(uploads ? shell.transfers : shell.metadata, raw, "fsync", node,
                  [&file](Request& request, std::stop_token stop) {
                    request.files().sync(*file.handle, std::move(stop));
                    return Done{};
                  });
}

// Nobody waits for a release, so it is answered before it is done.
void release(fuse_req_t raw, fuse_ino_t node, fuse_file_info* info) {
  Shell& shell = shell_of(raw);
  serve(raw, "release", node, [&](Request& /*request*/) {
    const std::shared_ptr<OpenFile> file = shell.take(info->fh);
    if (file == nullptr) return Done{};
    shell.metadata.run([&files = shell.files, file] { files.release(std::move(file->handle)); },
                       {});
    return Done{};
  });
}

void opendir(fuse_req_t raw, fuse_ino_t node, fuse_file_info* /*info*/) {
  serve(raw, "opendir", node, [&](Request& request) {
    return std::make_unique<OpenDirectory>(OpenDirectory{
        .node = node, .parent = request.files().parent(node), .entries = {}, .kept = false});
  });
}

void list(fuse_req_t raw, fuse_ino_t node, std::size_t size, off_t offset, fuse_file_info* info,
          ListingKind kind) {
  Request request(raw, "readdir", node);
  attempt(request, [&] {
    const auto records = list_from(raw, OpenTable<OpenDirectory>::at(info->fh),
                                   static_cast<std::uint64_t>(offset), size, kind);
    request.answer(std::span(records));
  });
}

void readdir(fuse_req_t raw, fuse_ino_t node, std::size_t size, off_t offset,
             fuse_file_info* info) {
  list(raw, node, size, offset, info, ListingKind::kNames);
}

void readdirplus(fuse_req_t raw, fuse_ino_t node, std::size_t size, off_t offset,
                 fuse_file_info* info) {
  list(raw, node, size, offset, info, ListingKind::kWithNodes);
}

void releasedir(fuse_req_t raw, fuse_ino_t node, fuse_file_info* info) {
  serve(raw, "releasedir", node, [&](Request& request) {
    request.shell().directories.take(info->fh);
    return Done{};
  });
}

void statfs(fuse_req_t raw, fuse_ino_t node) {
  serve(raw, "statfs", node, [](Request& request) { return request.files().statistics(); });
}

fuse_lowlevel_ops make_operations() noexcept {
  fuse_lowlevel_ops all{};
  all.init = init;
  all.lookup = lookup;
  all.getattr = getattr;
  all.setattr = setattr;
  all.mknod = mknod;
  all.mkdir = mkdir;
  all.unlink = unlink;
  all.rmdir = rmdir;
  all.symlink = symlink;
  all.rename = rename;
  all.link = link;
  all.open = open;
  all.read = read;
  all.write = write;
  all.flush = flush;
  all.release = release;
  all.fsync = fsync;
  all.opendir = opendir;
  all.readdir = readdir;
  all.releasedir = releasedir;
  all.statfs = statfs;
  all.create = create;
  all.readdirplus = readdirplus;
  add_space_operations(all);
  add_xattr_operations(all);
  return all;
}

}  // namespace

const fuse_lowlevel_ops& operations() noexcept {
  static const fuse_lowlevel_ops all = make_operations();
  return all;
}

}  // namespace glancefs::fs
