#include "tests/model/filesystem_subject.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <filesystem>
#include <future>
#include <system_error>

#include "cache/memory_store.h"
#include "cache/spool.h"
#include "tests/devcloud/catalogue.h"
#include "tests/fs/rig.h"
#include "tests/model/file_names.h"
#include "tests/model/spool_copy.h"
#include "tests/model/waiting.h"

namespace glancefs::model {
namespace {

// No such process can be: nothing is to be found out about it.
constexpr pid_t kFirstProgram = 0x7000'0000;
constexpr std::uint64_t kCacheSize = 256ULL << 20;

constexpr std::string_view kPrefix = "user.glance.";

// What is an answer and no trouble is not kept as a reason.
bool keeps_reason(int error) {
  switch (error) {
    case ENOENT:
    case ENODATA:
    case ENOTSUP:
    case EEXIST:
    case EINTR:
    case ERANGE:
    case EISDIR:
    case ENOTDIR:
      return false;
    default:
      return true;
  }
}

}  // namespace

FilesystemSubject::FilesystemSubject(fs::Config config, client::Images& images,
                                     const std::string& directory)
    : config_(std::move(config)),
      images_(images),
      directory_(directory),
      store_(cache::make_memory_store(kCacheSize)) {
  start();
}

void FilesystemSubject::start() {
  spools_ = cache::open_spools(directory_, 0);
  files_.emplace(config_, images_, *store_, *spools_);
  files_->lookup(directory("shared"), ".pending", {});  // has it ask which images are offered
}

FilesystemSubject::Node FilesystemSubject::directory(const std::string& name) const {
  if (name.empty()) return fs::kRootNode;
  if (name == kOffers) return files_->find(directory("shared"), ".pending")->node;
  if (name != "by-id") return files_->find(fs::kRootNode, name)->node;
  return files_->find(files_->find(fs::kRootNode, ".glancefs")->node, name)->node;
}

FilesystemSubject::Node FilesystemSubject::lookup(const Place& place) {
  missing_ = ENOENT;
  try {
    return files_->lookup(directory(place.directory), place.name, {}).node;
  } catch (const std::system_error& error) {
    missing_ = error.code().value();
    return 0;
  }
}

// The kernel knows only the directory of what it asks to rename or to remove.
int FilesystemSubject::explained(Node parent, Node node, const std::function<void()>& action) {
  const int error = answered(parent, node, action);
  EXPECT_TRUE(error == 0 || files_->xattr(parent, "user.glancefs.error").has_value())
      << "no reason is kept with the directory for errno " << error;
  return error;
}

int FilesystemSubject::answered(Node node, Node also, const std::function<void()>& action) {
  try {
    action();
    return 0;
  } catch (...) {
    const int error = files_->explain("model", node, std::current_exception());
    const bool told = files_->xattr(node, "user.glancefs.error").has_value() ||
                      files_->xattr(also, "user.glancefs.error").has_value();
    EXPECT_TRUE(told || !keeps_reason(error)) << "no reason is kept for errno " << error;
    return error;
  }
}

int FilesystemSubject::at(const Place& place, const std::function<void(Node)>& action) {
  const Node node = lookup(place);
  return node == 0 ? missing_ : answered(node, node, [&] { action(node); });
}

std::string FilesystemSubject::id_of(Node node) const {
  return files_->xattr(node, "user.glance.id").value_or("");
}

Outcome FilesystemSubject::open(int slot, const Place& place, int flags) {
  const fs::Caller caller{.uid = 0, .gid = 0, .pid = kFirstProgram + programs_++};
  const Node parent = directory(place.directory);
  const Node node = lookup(place);
  if (node != 0 && (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) return {.error = EEXIST};
  const bool creates = (flags & O_CREAT) != 0 && missing_ == ENOENT;
  if (node == 0 && !creates) return {.error = missing_};
  Outcome outcome;
  outcome.error = answered(node == 0 ? parent : node, parent, [&] {
    if (node != 0) {
      slots_[slot] = {files_->open(node, flags, caller, {}), node, caller};
    } else {
      auto [entry, opened] = files_->create(parent, place.name, flags, caller, {});
      slots_[slot] = {std::move(opened), entry.node, caller};
    }
  });
  if (outcome.error == 0) outcome.id = id_of(slots_.at(slot).node);
  return outcome;
}

int FilesystemSubject::write(int slot, std::uint64_t offset, const std::string& bytes) {
  Slot& open = slots_.at(slot);
  return answered(open.node, open.node, [&] {
    files_->write(*open.opened.handle, offset, std::as_bytes(std::span(bytes)));
  });
}

Outcome FilesystemSubject::read_handle(fs::Handle& handle, std::uint64_t offset,
                                       std::uint64_t size) {
  std::promise<std::string> promise;
  auto answer = promise.get_future();
  files_->read(handle, offset, size,
               std::make_unique<fs::KeptRead>(std::move(promise), std::stop_token()));
  return {.error = 0, .data = answer.get()};
}

Outcome FilesystemSubject::read(int slot, std::uint64_t offset, std::uint64_t size) {
  Slot& open = slots_.at(slot);
  Outcome outcome;
  outcome.error = answered(open.node, open.node, [&] {
    outcome.data = read_handle(*open.opened.handle, offset, size).data;
  });
  return outcome;
}

int FilesystemSubject::resize(int slot, std::uint64_t size) {
  Slot& open = slots_.at(slot);
  fs::AttributeChange change;
  change.size = size;
  return answered(open.node, open.node,
                  [&] { files_->change(open.node, change, open.opened.handle.get(), {}); });
}

int FilesystemSubject::close(int slot) {
  Slot open = std::move(slots_.at(slot));
  slots_.erase(slot);
  fs::Handle& handle = *open.opened.handle;
  int error = 0;
  if (files_->flush_uploads(handle, open.caller)) {
    error = answered(open.node, open.node, [&] { files_->flush(handle, open.caller, {}); });
  }
  files_->release(std::move(open.opened.handle));
  return error;
}

int FilesystemSubject::sync(const Place& place) {
  return at(place, [&](Node node) {
    fs::Opened opened = files_->open(node, O_RDONLY, {}, {});
    try {
      files_->sync(*opened.handle, {});
    } catch (...) {
      files_->release(std::move(opened.handle));
      throw;
    }
    files_->release(std::move(opened.handle));
  });
}

int FilesystemSubject::unlink(const Place& place) {
  const Node node = lookup(place);
  if (node == 0) return missing_;
  const Node parent = directory(place.directory);
  return explained(parent, node, [&] { files_->unlink(parent, place.name, {}); });
}

int FilesystemSubject::rename(const Place& place, const Place& to, unsigned flags) {
  const Node node = lookup(place);
  if (node == 0) return missing_;
  const Node target = lookup(to);
  if (missing_ != ENOENT) return missing_;
  if (target == 0 && (flags & RENAME_EXCHANGE) != 0) return ENOENT;
  if (target != 0 && (flags & RENAME_NOREPLACE) != 0) return EEXIST;
  if (target == node) return 0;
  const Node parent = directory(place.directory);
  return explained(parent, node, [&] {
    files_->rename(parent, place.name, directory(to.directory), to.name, flags, {});
  });
}

int FilesystemSubject::chmod(const Place& place, unsigned mode) {
  fs::AttributeChange change;
  change.mode = mode;
  return at(place, [&](Node node) { files_->change(node, change, nullptr, {}); });
}

int FilesystemSubject::chown(const Place& place, bool another) {
  fs::AttributeChange change;
  change.uid = another ? 12345 : config_.uid;
  return at(place, [&](Node node) { files_->change(node, change, nullptr, {}); });
}

int FilesystemSubject::touch(const Place& place) {
  return at(place, [&](Node node) { files_->change(node, {}, nullptr, {}); });
}

int FilesystemSubject::resize(const Place& place, std::uint64_t size) {
  fs::AttributeChange change;
  change.size = size;
  return at(place, [&](Node node) { files_->change(node, change, nullptr, {}); });
}

int FilesystemSubject::set_xattr(const Place& place, const std::string& name,
                                 const std::string& value, int flags) {
  const fs::XattrMode mode = flags == XATTR_CREATE    ? fs::XattrMode::kCreate
                             : flags == XATTR_REPLACE ? fs::XattrMode::kReplace
                                                      : fs::XattrMode::kSet;
  return at(place, [&](Node node) { files_->set_xattr(node, name, value, mode, {}); });
}

int FilesystemSubject::remove_xattr(const Place& place, const std::string& name) {
  return at(place, [&](Node node) { files_->remove_xattr(node, name, {}); });
}

Outcome FilesystemSubject::xattr(const Place& place, const std::string& name) {
  const Node node = lookup(place);
  if (node == 0) return {.error = missing_};
  const auto value = files_->xattr(node, name);
  return value ? Outcome{.error = 0, .data = *value} : Outcome{.error = ENODATA};
}

int FilesystemSubject::refresh() {
  return answered(fs::kRootNode, fs::kRootNode, [&] {
    files_->set_xattr(fs::kRootNode, "user.glancefs.refresh", "1", fs::XattrMode::kSet, {});
  });
}

void FilesystemSubject::end(bool finish) {
  if (finish) {
    files_->finish_uploads(std::chrono::steady_clock::now() + std::chrono::seconds(30), {});
  }
  for (auto& [number, slot] : slots_) files_->abandon(std::move(slot.opened.handle));
  slots_.clear();
  files_.reset();
  spools_.reset();
}

std::string FilesystemSubject::remount(const std::string& way) {
  const SpoolCopy copy(directory_);
  end(way == "finish");
  if (way == "crash") copy.restore();
  start();
  wait_for_uploads([this] { return text("pending"); }, [this] { return text("errors"); });
  return way;
}

std::string FilesystemSubject::describe(Node node) const {
  const fs::Attributes attributes = files_->attributes(node);
  std::string text = fmt::format("mode {:o} size {}", attributes.mode & 07777, attributes.size);
  const bool local = files_->xattr(node, "user.glancefs.progress").has_value();
  if (!local) {
    text += " modified " + devcloud::iso_time(attributes.modified);
    text += " changed " + devcloud::iso_time(attributes.changed);
  }
  std::map<std::string, std::string> sorted;
  for (const std::string& name : files_->xattr_names(node)) {
    EXPECT_TRUE(name.starts_with(kPrefix)) << name;
    sorted[name.substr(kPrefix.size())] = files_->xattr(node, name).value_or("MISSING");
  }
  for (const auto& [key, value] : sorted) text += "\n    " + key + "=" + value;
  return text;
}

std::map<std::string, std::string> FilesystemSubject::tree() {
  std::map<std::string, std::string> paths;
  for (const std::string parent : {"public", "private", "shared", "community", kOffers, "by-id"}) {
    const Node node = directory(parent);
    for (const fs::DirectoryEntry& entry : files_->list(node)) {
      const std::string path = (parent == "by-id" ? ".glancefs/by-id/" : parent + "/") + entry.name;
      const auto found = files_->find(node, entry.name);
      const bool leads_there = found && found->node == entry.node;
      paths[path] = leads_there ? describe(entry.node) : "leads elsewhere";
    }
  }
  return paths;
}

std::string FilesystemSubject::text(const std::string& control_file) {
  const Node control = files_->find(fs::kRootNode, ".glancefs")->node;
  fs::Opened opened = files_->open(files_->find(control, control_file)->node, O_RDONLY, {}, {});
  std::string text = read_handle(*opened.handle, 0, 1 << 20).data;
  files_->release(std::move(opened.handle));
  return text;
}

}  // namespace glancefs::model
