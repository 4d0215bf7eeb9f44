// Changes made through the mount, and elsewhere.
#include <stdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "tests/model/file_names.h"
#include "tests/model/model.h"

namespace glancefs::model {
namespace {

bool is_busy(const Image& image) {
  return image.status == "saving" || image.status == "uploading" || image.status == "importing";
}

}  // namespace

// One PATCH of `keys` to what they are in `wanted`. Removing is not asked for again after an answer
// that was lost.
int Model::patch(int number, const Image& wanted, const std::set<std::string>& keys, bool removes) {
  if (const int error = request(!removes)) return error;
  // The answer that was lost may have been that we are to log in anew.
  if (removes && fault == "lost" && token_is_void && choose()) return EIO;
  auto version = std::make_shared<Version>();
  File& file = files.at(number);
  const int error = patched(file, wanted, keys, removes, *version);
  if (error == 0) file.truth = version;
  if (removes && take_fault("lost")) return EIO;
  if (file.local == 0 && error == ENOENT) file.seen = nullptr;
  // Somebody else has removed it meanwhile: the record shows that.
  if (file.local == 0 && error == ENODATA) file.seen = file.truth;
  if (error == 0) file.seen = version;
  return error;
}

// What Glance makes of it.
int Model::patched(const File& file, const Image& wanted, const std::set<std::string>& keys,
                   bool removes, Version& version) const {
  Texts texts = all_fields(wanted);
  for (const std::string& key : keys) {
    if (!is_known_format(key, texts[key])) return EINVAL;
  }
  if (!file.truth || !visible(*file.truth)) return ENOENT;
  const Image& before = file.truth->image;
  if (!is_ours(before)) return EACCES;
  version = *file.truth;
  version.fresh = true;
  Image& after = version.image;
  for (const std::string& key : keys) {
    if (removes) {
      if (!before.properties.contains(key)) return ENODATA;
      after.properties.erase(key);
    } else if (key == "name") {
      after.name = wanted.name;
    } else if (key == "tags") {
      after.tags = wanted.tags;
    } else if (const int error = set_field(after, key, texts[key]); error > 0) {
      return error;
    }
  }
  return keys.contains("visibility") && after.visibility == "public" ? EACCES : 0;
}

Outcome Model::unlink(const Operation& op) {
  const int number = lookup(op.directory, op.name);
  if (number == 0) return {.error = missing(op.name)};
  File& file = files.at(number);
  const bool local = file.local != 0;
  for (auto& [slot, handle] : handles) handle.unlinked |= handle.id == file.id;
  if (op.directory == kOffers) return {.error = answer(number, "rejected")};
  if (local && !local_of(number).found) {
    local_of(number).removed = true;
    file.local = 0;
    return {};
  }
  if (!local && !is_ours(shown(number))) return {.error = EACCES};
  // That it is gone is what a file of ours was to come to.
  if (const int error = local ? request() : look_again(number)) return {.error = error};
  const bool there = file.truth && visible(*file.truth);
  if (there && !is_ours(file.truth->image)) return {.error = EACCES};
  if (there && file.truth->image.is_protected) return {.error = EPERM};
  if (local) local_of(number).removed = true;
  file.local = 0;
  file.seen = nullptr;
  if (there) file.truth = nullptr;
  return {};
}

// The record is asked for first: what is not as it was seen is not what was meant.
int Model::look_again(int number) {
  File& file = files.at(number);
  const VersionPtr before = file.seen;
  if (const int error = ask_for(number)) return error;
  const Image& now = file.truth->image;
  const Image& then = before->image;
  const bool same =
      now.name == then.name && now.visibility == then.visibility && now.hidden == then.hidden;
  if (same) file.seen = before;
  return same ? 0 : ENOENT;
}

int Model::ask_for(int number) {
  if (const int error = request()) return error;
  File& file = files.at(number);
  file.seen = file.truth && visible(*file.truth) ? file.truth : nullptr;
  return file.seen ? 0 : ENOENT;
}

Outcome Model::rename(const Operation& op) {
  int file = lookup(op.directory, op.name);
  const int target = lookup(op.to_directory, op.to_name);
  const bool exchange = (op.flags & RENAME_EXCHANGE) != 0;
  if (file == 0) return {.error = missing(op.name)};
  if (target == 0 && missing(op.to_name) != ENOENT) return {.error = missing(op.to_name)};
  if (exchange && target == 0) return {.error = ENOENT};
  if (target != 0 && (op.flags & RENAME_NOREPLACE) != 0) return {.error = EEXIST};
  if (file == target) return {};
  // To look for one name can have told of an image that has the other.
  file = find(op.directory, op.name);
  if (file == 0) return {.error = missing(op.name)};
  if (file == target) return {};
  if (op.directory == kOffers || op.to_directory == kOffers) {
    return {.error = move_offer(file, target, op)};
  }
  if (exchange) return {.error = EINVAL};
  const bool images = op.to_directory != "by-id" && !op.to_directory.empty();
  if (!images || op.directory == "by-id") return {.error = EPERM};
  if (target != 0) return {.error = EEXIST};
  if (const int error = check_new_name(op.to_directory, op.to_name)) return {.error = error};
  const std::string name = unescaped(op.to_name);
  if (files.at(file).local != 0) return {.error = rename_local(file, op.to_directory, name)};
  if (!is_ours(shown(file))) return {.error = EACCES};
  if (const int error = look_again(file)) return {.error = error};
  Image wanted = shown(file);
  std::set<std::string> keys;
  if (wanted.name != name) keys.insert("name");
  if (wanted.visibility != op.to_directory) keys.insert("visibility");
  wanted.name = name;
  wanted.visibility = op.to_directory;
  return {.error = keys.empty() ? 0 : patch(file, wanted, keys, false)};
}

// The project's answer to an offer.
int Model::answer(int number, const std::string& status) {
  if (const int error = request()) return error;
  File& file = files.at(number);
  if (!file.truth || !visible(*file.truth) || file.truth->image.visibility != "shared") {
    file.seen = file.truth && visible(*file.truth) ? file.truth : nullptr;
    file.offered = false;
    return ENOENT;
  }
  file.truth = std::make_shared<Version>(*file.truth);
  file.truth->fresh = true;
  file.truth->image.members[project_].status = status;
  file.offered = status == "pending";
  if (status == "rejected") file.seen = nullptr;
  return 0;
}

// Out of the offers to "shared", and back; with its name.
int Model::move_offer(int file, int target, const Operation& op) {
  if (is_ours(shown(file)) || op.name != op.to_name) return EACCES;
  if (target != 0) return EEXIST;
  if (op.directory == kOffers && op.to_directory == "shared") return answer(file, "accepted");
  return op.directory == "shared" ? answer(file, "pending") : EACCES;
}

// From a dot name to another: the file is whole. What cannot be sent keeps its old name.
int Model::rename_local(int file, const std::string& directory, const std::string& name) {
  Local& local = local_of(file);
  const bool named = is_temporary(local.wanted.name) && !is_temporary(name);
  const Image before = local.wanted;
  local.wanted.name = name;
  local.wanted.visibility = directory;
  local.moved = true;
  if (!named) return 0;
  const bool unsent = !local.bytes.empty() && (local.failed || local.changed);
  const int error = !unsent || local.writers > 0 ? 0 : local.held ? EBUSY : send(file);
  if (error != 0) {
    local.wanted.name = before.name;
    local.wanted.visibility = before.visibility;
  }
  local.queued = true;
  return error;
}

Outcome Model::chmod(const Operation& op) {
  const int file = lookup(op.directory, op.name);
  if (file == 0) return {.error = missing(op.name)};
  Image wanted = shown(file);
  const bool protect = (op.flags & S_IWUSR) == 0;
  if (files.at(file).local != 0 || wanted.is_protected == protect) return {};
  wanted.is_protected = protect;
  return {.error = patch(file, wanted, {"protected"}, false)};
}

Outcome Model::chown(const Operation& op) {
  if (lookup(op.directory, op.name) == 0) return {.error = missing(op.name)};
  return {.error = op.flags == 0 ? 0 : EPERM};
}

Outcome Model::touch(const Operation& op) {
  return {.error = lookup(op.directory, op.name) == 0 ? missing(op.name) : 0};
}

Outcome Model::stat(const Operation& op) {
  const int file = lookup(op.directory, op.name);
  if (file == 0) return {.error = missing(op.name)};
  return {.error = 0, .data = files.at(file).id};
}

Outcome Model::resize(const Operation& op) {
  const int file = lookup(op.directory, op.name);
  if (file == 0) return {.error = missing(op.name)};
  if (files.at(file).local == 0) {
    const Image& image = shown(file);
    if (readable_size(image) == op.size) return {};
    if (!is_ours(image)) return {.error = EACCES};
    return {.error = is_busy(image) ? EBUSY : EPERM};
  }
  resize_bytes(local_of(file), op.size);
  local_of(file).queued = true;
  return {};
}

Outcome Model::refresh(const Operation& /*op*/) {
  if (const int error = request()) return {.error = error};
  for (auto& [number, file] : files) {
    if (file.local != 0) continue;
    const bool is_listed = file.truth && listed(*file.truth);
    if (is_listed) file.offered = false;
    if (!file.offered) file.seen = is_listed ? file.truth : nullptr;
  }
  return {};
}

void Model::made_elsewhere(const Operation& op, const Image& image, Bytes bytes) {
  auto version = std::make_shared<Version>();
  version->image = image;
  version->bytes = std::move(bytes);
  files[op.number] = {.id = image.id, .truth = version};
}

void Model::changed_elsewhere(int number, const Image& image) {
  auto version = std::make_shared<Version>(*files.at(number).truth);
  version->image = image;
  version->fresh = true;
  files.at(number).truth = version;
}

void Model::deleted_elsewhere(int number) { files.at(number).truth = nullptr; }

}  // namespace glancefs::model
