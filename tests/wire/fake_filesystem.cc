#include "tests/wire/fake_filesystem.h"

#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "base/fd.h"
#include "tests/support/fake_images.h"

namespace glancefs::test {
namespace {

// The script for the Filesystem under construction.
thread_local FakeFiles* next_script = nullptr;

template <typename Function, typename... Args>
decltype(auto) call(const Function& function, Args&&... args) {
  if (!function) throw_errno(ENOTRECOVERABLE, "a call that the test did not expect");
  return function(std::forward<Args>(args)...);
}

[[noreturn]] void unused() { throw std::logic_error("the fake file system uses no disk"); }

class NoStore : public cache::Store {
 public:
  cache::EntryPtr open(const cache::Key&) override { unused(); }
  bool pin(const std::string&, bool) override { unused(); }
  bool pinned(const std::string&) const override { unused(); }
  bool adopt(const cache::Key&, const std::string&, std::stop_token) override { unused(); }
  void drop(const std::string&) override { unused(); }
  cache::Usage usage() const override { unused(); }
};

class NoSpools : public cache::Spools {
 public:
  std::unique_ptr<cache::Spool> create(cache::SpoolRecord) override { unused(); }
  std::vector<std::unique_ptr<cache::Spool>> recover(const std::string&) override { unused(); }
};

}  // namespace

std::unique_ptr<fs::Filesystem> make_fake_filesystem(FakeFiles& fake) {
  static FakeImages images;
  static NoStore store;
  static NoSpools spools;
  next_script = &fake;
  return std::make_unique<fs::Filesystem>(fs::Config{}, images, store, spools);
}

fs::Entry file_entry(fs::NodeId node, std::uint64_t size, std::chrono::milliseconds valid) {
  fs::Entry entry;
  entry.node = entry.attributes.node = node;
  entry.attributes.mode = S_IFREG | 0644;
  entry.attributes.size = size;
  entry.valid = valid;
  return entry;
}

struct ReadPark::Parked {
  // Takes the lock that answer() holds, on purpose: whoever answers must not have to wait for an
  // interrupt in progress.
  Parked(Mutex& mutex, std::unique_ptr<fs::PendingRead> waiting)
      : reader(std::move(waiting)),
        interrupt(reader->interrupted(), [this, &mutex] {
          const Lock lock(mutex);
          if (!std::exchange(answered, true)) {
            reader->fail(std::make_exception_ptr(
                std::system_error(EINTR, std::generic_category(), "interrupted")));
          }
        }) {}

  bool answered = false;
  std::unique_ptr<fs::PendingRead> reader;
  std::stop_callback<std::function<void()>> interrupt;
};

void ReadPark::add(std::unique_ptr<fs::PendingRead> reader) {
  auto parked = std::make_shared<Parked>(mutex_, std::move(reader));
  const Lock lock(mutex_);
  parked_.push_back(std::move(parked));
  added_.notify_all();
}

void ReadPark::answer(std::string_view bytes) {
  const Lock lock(mutex_);
  for (const auto& parked : parked_) {
    if (!std::exchange(parked->answered, true)) {
      parked->reader->done(std::as_bytes(std::span(bytes)));
    }
  }
}

void ReadPark::drop() {
  std::vector<std::shared_ptr<Parked>> dropped;  // destroyed after the lock: callbacks take it
  const Lock lock(mutex_);
  dropped.swap(parked_);
}

void ReadPark::wait_for(std::size_t count) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  const Lock lock(mutex_);
  while (parked_.size() < count) {
    if (!added_.wait_until(mutex_, deadline)) throw std::runtime_error("too few reads came");
  }
}

}  // namespace glancefs::test

namespace glancefs::fs {

using test::call;
using test::FakeFiles;

struct Filesystem::Parts {
  FakeFiles& fake;
};

Filesystem::Filesystem(Config, client::Images&, cache::Store&, cache::Spools&, cache::Snapshots*)
    : parts_(std::make_unique<Parts>(Parts{*std::exchange(test::next_script, nullptr)})) {}
Filesystem::~Filesystem() = default;

std::optional<Entry> Filesystem::find(NodeId parent, std::string_view name) const {
  return call(parts_->fake.find, parent, name);
}
Attributes Filesystem::attributes(NodeId node) const { return call(parts_->fake.attributes, node); }
std::chrono::milliseconds Filesystem::attributes_valid(NodeId) const {
  return parts_->fake.attributes_valid;
}
std::vector<DirectoryEntry> Filesystem::list(NodeId directory) const {
  return call(parts_->fake.list, directory);
}
std::optional<FileTime> Filesystem::listing_changed(NodeId directory) const {
  return parts_->fake.listing_changed ? parts_->fake.listing_changed(directory) : std::nullopt;
}
void Filesystem::watch(std::shared_ptr<Watcher> watcher) { parts_->fake.watch(std::move(watcher)); }
std::optional<std::string> Filesystem::xattr(NodeId node, std::string_view name) const {
  return call(parts_->fake.xattr, node, name);
}
bool Filesystem::asks_for_xattr(std::string_view name) { return name == "user.glance.members"; }
std::optional<std::string> Filesystem::ask_xattr(NodeId node, std::string_view name,
                                                 std::stop_token stop) {
  return call(parts_->fake.ask_xattr, node, name, std::move(stop));
}
std::vector<std::string> Filesystem::xattr_names(NodeId node) const {
  return call(parts_->fake.xattr_names, node);
}
Statistics Filesystem::statistics() const { return call(parts_->fake.statistics); }
void Filesystem::write(Handle&, std::uint64_t offset, std::span<const std::byte> bytes) {
  call(parts_->fake.write, offset, bytes);
}
void Filesystem::read(Handle&, std::uint64_t offset, std::size_t size,
                      std::unique_ptr<PendingRead> reader) {
  call(parts_->fake.read, offset, size, std::move(reader));
}
std::uint64_t Filesystem::seek(const Handle&, std::uint64_t offset, Seek wanted) const {
  return call(parts_->fake.seek, offset, wanted);
}
void Filesystem::allocate(Handle&, int mode, std::uint64_t offset, std::uint64_t length,
                          std::stop_token) {
  call(parts_->fake.allocate, mode, offset, length);
}
Entry Filesystem::lookup(NodeId parent, std::string_view name, std::stop_token stop) {
  return call(parts_->fake.lookup, parent, name, std::move(stop));
}
void Filesystem::kernel_writes(Handle&) { ++parts_->fake.kernel_writes; }
void Filesystem::finish_uploads(std::chrono::steady_clock::time_point, const std::stop_token&) {}
Opened Filesystem::open(NodeId node, int flags, Caller /*caller*/, std::stop_token stop) {
  return call(parts_->fake.open, node, flags, std::move(stop));
}
std::pair<Entry, Opened> Filesystem::create(NodeId parent, std::string_view name, int flags,
                                            Caller caller, std::stop_token) {
  return call(parts_->fake.create, parent, name, flags, caller);
}
Entry Filesystem::symlink(NodeId parent, std::string_view name, const std::string& target,
                          std::stop_token) {
  return call(parts_->fake.symlink, parent, name, target);
}
NodeId Filesystem::parent(NodeId) const { return kRootNode; }
void Filesystem::set_read_mode(std::string mode) { parts_->fake.set_read_mode(std::move(mode)); }
bool Filesystem::flush_uploads(const Handle&, Caller) const { return parts_->fake.flush_uploads; }
void Filesystem::flush(Handle&, Caller caller, std::stop_token stop) {
  call(parts_->fake.flush, caller, std::move(stop));
}
bool Filesystem::sync_uploads(const Handle&) const { return parts_->fake.sync_uploads; }
void Filesystem::sync(Handle&, std::stop_token) { call(parts_->fake.sync); }
void Filesystem::abandon(std::unique_ptr<Handle> handle) noexcept { release(std::move(handle)); }
void Filesystem::release(std::unique_ptr<Handle> handle) noexcept {
  if (parts_->fake.release) parts_->fake.release(*handle);
}
void Filesystem::unlink(NodeId parent, std::string_view name, std::stop_token) {
  call(parts_->fake.unlink, parent, name);
}
void Filesystem::rename(NodeId from, std::string_view name, NodeId to, std::string_view new_name,
                        unsigned flags, std::stop_token) {
  call(parts_->fake.rename, from, name, to, new_name, flags);
}
Attributes Filesystem::change(NodeId node, const AttributeChange& change, Handle* handle,
                              std::stop_token) {
  return call(parts_->fake.change, node, change, handle);
}
void Filesystem::set_xattr(NodeId node, std::string_view name, std::string_view value,
                           XattrMode mode, std::stop_token) {
  call(parts_->fake.set_xattr, node, name, value, mode);
}
void Filesystem::remove_xattr(NodeId node, std::string_view name, std::stop_token) {
  call(parts_->fake.remove_xattr, node, name);
}

int Filesystem::explain(std::string_view operation, NodeId node,
                        std::exception_ptr reason) noexcept {
  parts_->fake.add_explained(std::string(operation) + " " + std::to_string(node));
  try {
    std::rethrow_exception(std::move(reason));
  } catch (const std::system_error& error) {
    return error.code().value();
  } catch (...) {
    return EIO;
  }
}

}  // namespace glancefs::fs
