// Open files, and what becomes of them.
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "tests/model/file_names.h"
#include "tests/model/model.h"

namespace glancefs::model {
namespace {

constexpr std::uint64_t kBlock = 4096;

std::string part(const std::string& bytes, std::uint64_t offset, std::uint64_t size) {
  return offset < bytes.size() ? bytes.substr(offset, size) : "";
}

}  // namespace

int Model::check_new_name(const std::string& directory, const std::string& name) const {
  if (directory == "by-id" || directory == kOffers || directory.empty()) return EPERM;
  if (!is_plain_text(unescaped(name))) return EILSEQ;
  if (name.size() > kLongest || length(unescaped(name)) > kLongest) return ENAMETOOLONG;
  if (escaped(unescaped(name)) == name) return 0;
  // Names of these forms stand for images, wherever they are.
  const bool stands_for_one =
      std::ranges::any_of(std::array{"public", "private", "shared", "community", "by-id"},
                          [&](const std::string& each) { return find(each, name) != 0; });
  return stands_for_one ? EEXIST : EINVAL;
}

Outcome Model::open(const Operation& op, const Outcome& seen) {
  if (const int file = lookup(op.directory, op.name)) {
    const int exclusive = O_CREAT | O_EXCL;
    if ((op.flags & exclusive) == exclusive) return {.error = EEXIST};
    return {.error = open_existing(file, op)};
  }
  const int error_of_lookup = missing(op.name);
  if ((op.flags & O_CREAT) == 0 || error_of_lookup != ENOENT) return {.error = error_of_lookup};
  if (const int error = check_new_name(op.directory, op.name)) return {.error = error};
  // Had the mount not known of the image, the file would have an id of its own.
  const bool is_image = std::ranges::any_of(
      files, [&](const auto& file) { return !seen.id.empty() && file.second.id == seen.id; });
  if (is_image) return {.error = ENOENT};
  Local local;
  local.wanted.name = unescaped(op.name);
  local.wanted.visibility = op.directory;
  local.wanted.owner = project_;
  local.wanted.id = seen.id;
  local.wanted.created_at = std::chrono::system_clock::now();
  files[op.number] = {.id = seen.id, .truth = {}, .seen = {}, .local = op.number};
  locals[op.number] = local;
  open_local(op.number, op);
  return {};
}

// The bytes of an image never change; one that is queued takes its data.
int Model::open_existing(int file, const Operation& op) {
  if (files.at(file).local != 0) {
    open_local(file, op);
    return 0;
  }
  // What refuses must be true now, if anybody answers.
  const bool refuses = shown(file).status != "active";
  if (refuses && fault != "503" && ask_for(file) != 0) return ENOENT;
  const VersionPtr version = files.at(file).seen;
  const std::string& status = version->image.status;
  const bool busy = status == "saving" || status == "uploading" || status == "importing";
  if ((op.flags & O_ACCMODE) == O_RDONLY) {
    if (status == "queued") return ENODATA;
    if (busy) return EBUSY;
    if (status == "deactivated") return EACCES;
    handles[op.slot] = {.file = file, .local = 0, .version = version, .readable = true};
    return 0;
  }
  if (!is_ours(version->image)) return EACCES;
  if (status != "queued") return busy ? EBUSY : EPERM;
  fill(file);
  open_local(file, op);
  return 0;
}

void Model::fill(int file) {
  Local local;
  local.wanted = files.at(file).seen->image;
  local.wanted.stores.clear();
  local.found = true;
  const int number = locals.empty() ? 1000000 : std::max(1000000, locals.rbegin()->first + 1);
  locals[number] = local;
  files.at(file).local = number;
}

void Model::open_local(int file, const Operation& op) {
  Local& local = local_of(file);
  const int way = op.flags & O_ACCMODE;
  const std::string& id = files.at(file).id;
  const bool unlinked = std::ranges::any_of(
      handles, [&](const auto& other) { return other.second.unlinked && other.second.id == id; });
  handles[op.slot] = {.file = file,
                      .local = files.at(file).local,
                      .version = {},
                      .id = id,
                      .readable = way != O_WRONLY,
                      .writable = way != O_RDONLY,
                      .sends = way == O_WRONLY,
                      .exclusive = (op.flags & O_EXCL) != 0,
                      .unlinked = unlinked};
  if (way != O_RDONLY) ++local.writers;
  // What was just made is empty already.
  if ((op.flags & O_TRUNC) != 0 && op.number != file) resize_bytes(local, 0);
}

// Before it is written again the journal learns that it is not whole.
void Model::rewritten(Local& local) {
  local.held = local.whole = local.failed = false;
  local.changed = true;
}

void Model::resize_bytes(Local& local, std::uint64_t size) {
  rewritten(local);
  local.bytes.resize(size, '\0');
  std::erase_if(local.blocks, [size](std::uint64_t block) { return block * kBlock >= size; });
}

Outcome Model::write(const Operation& op, const std::string& bytes) {
  const Handle& handle = open_slot(op);
  if (!handle.writable) return {.error = EBADF};
  Local& local = locals.at(handle.local);
  if (local.done) return {.error = EPERM};
  rewritten(local);
  const std::uint64_t end = op.offset + bytes.size();
  if (bytes.empty()) return {};
  if (local.bytes.size() < end) local.bytes.resize(end, '\0');
  local.bytes.replace(op.offset, bytes.size(), bytes);
  for (std::uint64_t at = op.offset / kBlock; at <= (end - 1) / kBlock; ++at)
    local.blocks.insert(at);
  return {};
}

Outcome Model::resize_open(const Operation& op) {
  const Handle& handle = open_slot(op);
  if (!handle.writable) return {.error = EBADF};
  Local& local = locals.at(handle.local);
  const File& file = files.at(handle.file);
  const bool gone = local.removed || (file.local == 0 && !file.seen) || handle.id != file.id;
  if (gone && !handle.unlinked) return {.error = ESTALE};
  if (local.done) return {.error = EPERM};
  resize_bytes(local, op.size);
  return {};
}

Outcome Model::read(const Operation& op) {
  const Handle& handle = open_slot(op);
  if (!handle.readable) return {.error = EBADF};
  if (handle.local != 0) {
    // The kernel asks for the size before it reads, by an id that may have been given up.
    const bool lost = locals.at(handle.local).removed && !handle.unlinked;
    if (one_program_ && lost && choose()) return {.error = ESTALE};
    return {.error = 0, .data = part(locals.at(handle.local).bytes, op.offset, op.size)};
  }
  File& file = files.at(handle.file);
  const std::string& bytes = *handle.version->bytes;
  // The same of an image that has gone.
  const bool past_end = op.offset + op.size > bytes.size();
  if (one_program_ && past_end && !file.seen && !handle.unlinked && choose()) {
    return {.error = ESTALE};
  }
  if (op.offset >= bytes.size() || op.size == 0) return {};
  // What is here is read without Glance, whether it still has it or not.
  if (file.cached && choose()) return {.error = 0, .data = part(bytes, op.offset, op.size)};
  if (const int error = request()) return {.error = error};
  if (!file.truth || !visible(*file.truth)) return {.error = ESTALE};
  if (file.truth->image.status == "deactivated") return {.error = EACCES};
  file.cached = true;
  return {.error = 0, .data = part(bytes, op.offset, op.size)};
}

Outcome Model::close(const Operation& op) {
  const Handle handle = open_slot(op);
  handles.erase(op.slot);
  if (!handle.writable) return {};
  Local& local = locals.at(handle.local);
  const bool unsent_bytes = !local.bytes.empty() && (local.failed || local.changed);
  const bool only_sized = local.blocks.empty() && !handle.exclusive;
  // A program that writes it by another descriptor has not done with it.
  const bool writes_on = one_program_ && std::ranges::any_of(handles, [&](const auto& other) {
                           return other.second.writable && other.second.local == handle.local;
                         });
  const bool sends = handle.sends && !writes_on && unsent_bytes && !only_sized && !local.held &&
                     !local.done && !local.removed && !is_temporary(local.wanted.name);
  const int error = sends ? send(handle.file) : 0;
  // Other closes: later, when nobody writes it any more.
  --local.writers;
  if (local.writers == 0 && !local.done && !local.removed && !local.held && !local.failed)
    local.queued = true;
  return {.error = error};
}

Outcome Model::sync(const Operation& op) {
  const int file = lookup(op.directory, op.name);
  if (file == 0) return {.error = missing(op.name)};
  Operation open = op;
  open.flags = O_RDONLY;
  open.slot = -1;
  if (const int error = open_existing(file, open)) return {.error = error};
  handles.erase(-1);
  if (files.at(file).local == 0) return {};
  const Local& local = local_of(file);
  if (is_temporary(local.wanted.name) || local.writers > 0) return {};
  return {.error = local.held ? EBUSY : send(file)};
}

// What the journal holds, at the next mount.
void Model::take_up(int number, Local& local) {
  File& file = files.at(number);
  const bool temporary = is_temporary(local.wanted.name);
  if (!local.whole && local.bytes.empty()) {
    file.local = 0;
    local.removed = true;
    return;
  }
  const Texts here = local.here;
  Image image;
  image.id = file.id;
  image.name = local.wanted.name.value_or("");
  image.visibility = local.wanted.visibility;
  image.owner = project_;
  image.created_at = std::chrono::system_clock::now();
  for (const auto& [key, text] : here) {
    if (key == "stores") continue;
    set_field(image, key, text);
  }
  image.stores = local.wanted.stores;
  local.wanted = image;
  local.changed = true;
  local.queued = temporary;
  local.held = !local.whole && !temporary;
  if (local.whole && !temporary) send(number);
}

Outcome Model::remount(bool finish, bool crash) {
  for (auto& [number, file] : files) {
    if (!finish || file.local == 0) continue;
    Local& local = local_of(number);
    if (!local.queued || is_temporary(local.wanted.name)) continue;
    local.queued = false;
    if (local.writers == 0 && !local.held) send(number);
  }
  for (auto& [number, local] : locals) {
    const bool at_rest = local.writers == 0 && !local.held && !local.failed;
    if (!crash && local.queued && at_rest && !is_temporary(local.wanted.name)) local.whole = true;
    local.writers = 0;
  }
  handles.clear();
  site_known_ = false;
  offers_due_ = true;
  for (auto& [number, file] : files) {
    file.offered = false;
    file.seen = file.truth && listed(*file.truth) ? file.truth : nullptr;
  }
  for (auto& [number, file] : files) {
    if (file.local != 0) take_up(number, local_of(number));
  }
  return {};
}

}  // namespace glancefs::model
