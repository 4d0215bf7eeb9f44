// Extended attributes, of images and of files being written.
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>

#include "tests/model/file_names.h"
#include "tests/model/model.h"

namespace glancefs::model {

Outcome Model::get_xattr(const Operation& op) {
  const int file = lookup(op.directory, op.name);
  if (file == 0) return {.error = missing(op.name)};
  const Texts texts = all_fields(shown(file));
  const auto found = texts.find(op.key);
  if (found == texts.end()) return {.error = ENODATA};
  return {.error = 0, .data = found->second};
}

Outcome Model::set_xattr(const Operation& op) {
  const int file = lookup(op.directory, op.name);
  if (file == 0) return {.error = missing(op.name)};
  if (op.key == "glancefs.upload") return {.error = set_upload(file, op.value)};
  if (op.key == "glancefs.error" || op.key == "glancefs.cached") return {.error = EPERM};
  if (op.key == "xdg.origin.url") return {.error = ENOTSUP};
  const bool image = files.at(file).local == 0;
  const bool asks = image && op.flags != 0 && op.key != "status";
  if (const int error = asks ? ask_for(file) : 0) return {.error = error};
  const bool exists = all_fields(shown(file)).contains(op.key);
  if (exists && op.flags == XATTR_CREATE) return {.error = EEXIST};
  if (!exists && op.flags == XATTR_REPLACE) return {.error = ENODATA};
  if (files.at(file).local != 0) return {.error = set_local_xattr(file, op.key, op.value)};
  Image after = shown(file);
  const int error = op.key == "status" ? EINVAL : set_field(after, op.key, op.value);
  if (error != 0) return {.error = std::max(error, 0)};
  return {.error = patch(file, after, {op.key}, false)};
}

int Model::set_local_xattr(int file, const std::string& key, const std::string& value) {
  Local& local = local_of(file);
  Image after = local.wanted;
  if (key == "stores") {
    const bool known = value == "fast" || value == "slow";
    if (const int error = request()) return error;
    if (!known) return EINVAL;
    after.stores = {value};
  } else if (const int error = set_field(after, key, value)) {
    return std::max(error, 0);
  } else if (site_known_ && !is_known_format(key, value)) {
    return EINVAL;
  }
  if (key == "name" || key == "visibility") return EPERM;  // they follow the path
  local.wanted = after;
  local.here[key] = value;
  // Who sets something on a file that was refused puts right what it was refused for.
  if (local.failed) local.queued = true;
  return 0;
}

int Model::set_upload(int file, const std::string& value) {
  if (value != "1") return EINVAL;
  if (files.at(file).local == 0) return EEXIST;
  if (is_temporary(local_of(file).wanted.name)) return EPERM;
  return local_of(file).writers > 0 ? EBUSY : send(file);
}

Outcome Model::remove_xattr(const Operation& op) {
  const int file = lookup(op.directory, op.name);
  if (file == 0) return {.error = missing(op.name)};
  if (op.key.starts_with("glancefs.")) return {.error = EPERM};
  const bool local = files.at(file).local != 0;
  Image after = shown(file);
  if (local && op.key == "stores" && !after.stores.empty()) {
    local_of(file).wanted.stores.clear();
    local_of(file).here.erase(op.key);
    local_of(file).queued |= local_of(file).failed;
    return {};
  }
  const bool property = after.properties.contains(op.key);
  if (const int error = remove_field(after, op.key)) return {.error = error};
  const bool is_so = all_fields(after) == all_fields(shown(file));
  if (!local) return {.error = is_so ? 0 : patch(file, after, {op.key}, property)};
  Local& written = local_of(file);
  // What somebody else's image has goes there and then.
  if (property && written.found) {
    const bool there = files.at(file).truth && visible(*files.at(file).truth);
    const int error = patch(file, after, {op.key}, true);
    if (there && error != 0 && error != ENODATA) return {.error = error};
    if (!there && error == EIO) return {.error = error};
  }
  written.wanted = after;
  written.here.erase(op.key);
  // What every image has goes back to what it begins with.
  const Texts texts = all_fields(after);
  written.queued |= written.failed;
  if (!property) written.here[op.key] = op.key == "tags" ? "" : texts.at(op.key);
  return {};
}

}  // namespace glancefs::model
