#include "tests/support/fake_images.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "tests/support/fake_images_internal.h"

namespace glancefs::test {
namespace {

using client::ByteRange;
using client::HttpError;
using client::Image;
using client::Operation;
using client::Status;

std::string hex_digest(const EVP_MD* algorithm, const std::string& data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(data.data(), data.size(), digest.data(), &size, algorithm, nullptr);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest.at(i));
  return text;
}

}  // namespace

void seal(Image& image, const std::string& data) {
  image.size = data.size();
  image.checksum = hex_digest(EVP_md5(), data);
  image.hash_algorithm = "sha512";
  image.hash = hex_digest(EVP_sha512(), data);
  image.status = Status::kActive;
  image.status_word = "active";
}

void set_status(Image& image, Status status) {
  image.status = status;
  image.status_word = to_string(status);
}

void refuse(Operation operation, int status, std::string_view request, std::string message) {
  throw HttpError(operation, status, std::string(request), std::move(message), "req-fake");
}

std::size_t StringSource::read(std::span<std::byte> into) {
  const std::size_t size = std::min(into.size(), text_.size() - at_);
  std::memcpy(into.data(), text_.data() + at_, size);
  at_ += size;
  return size;
}

FakeImages::FakeImages() : now_(std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)) {}
FakeImages::~FakeImages() = default;

std::chrono::sys_seconds FakeImages::tick() { return now_ += std::chrono::seconds(1); }

// Most tests of shared images are about those one has.
void FakeImages::accept_shared(Record& record) const {
  const Image& image = record.image;
  if (image.visibility == client::Visibility::kShared && image.owner != project_ &&
      record.members.empty()) {
    record.members.emplace(project_, client::MemberStatus::kAccepted);
  }
}

Image FakeImages::add(const std::string& name, std::string data,
                      const std::function<void(Image&)>& adjust) {
  const Lock lock(mutex_);
  Image image;
  image.id = fmt::format("{:08x}-0000-4000-8000-{:012x}", next_id_, next_id_);
  ++next_id_;
  image.name = name;
  image.owner = project_;
  image.disk_format = "raw";
  image.container_format = "bare";
  image.created = image.updated = tick();
  seal(image, data);
  if (adjust) adjust(image);
  used_ids_.insert(image.id);
  Record& record = records_[image.id];
  record = {.image = image, .data = std::make_shared<const std::string>(std::move(data))};
  accept_shared(record);
  return image;
}

void FakeImages::put(Image record, std::string data) {
  const Lock lock(mutex_);
  used_ids_.insert(record.id);
  Record& kept = records_[record.id];
  kept = {.image = std::move(record), .data = std::make_shared<const std::string>(std::move(data))};
  accept_shared(kept);
}

void FakeImages::edit(const std::string& id, const std::function<void(Image&)>& adjust) {
  const Lock lock(mutex_);
  Record& record = records_.at(id);
  record.image.updated = tick();
  adjust(record.image);
  accept_shared(record);
}

void FakeImages::erase(const std::string& id) {
  const Lock lock(mutex_);
  records_.erase(id);
}

void FakeImages::set_data(const std::string& id, std::string data) {
  const Lock lock(mutex_);
  records_.at(id).data = std::make_shared<const std::string>(std::move(data));
}

void FakeImages::lose_data(const std::string& id) {
  const Lock lock(mutex_);
  records_.at(id).data = nullptr;
}

std::optional<Image> FakeImages::find(const std::string& id) const {
  const Lock lock(mutex_);
  const auto found = records_.find(id);
  if (found == records_.end()) return std::nullopt;
  return found->second.image;
}

std::string FakeImages::id_of(std::string_view name) const {
  const Lock lock(mutex_);
  std::string id;
  for (const auto& [candidate, record] : records_) {
    if (record.image.name != name) continue;
    if (!id.empty()) return {};
    id = candidate;
  }
  return id;
}

std::string FakeImages::data(const std::string& id) const {
  const Lock lock(mutex_);
  const Bytes& bytes = records_.at(id).data;
  return bytes ? *bytes : std::string();
}

std::size_t FakeImages::count() const {
  const Lock lock(mutex_);
  return records_.size();
}

void FakeImages::set_caller(std::string project, bool admin) {
  const Lock lock(mutex_);
  project_ = std::move(project);
  admin_ = admin;
}

std::string FakeImages::project() const {
  const Lock lock(mutex_);
  return project_;
}

void FakeImages::lie_about_ranges(bool lie) {
  const Lock lock(mutex_);
  ranges_lie_ = lie;
}

void FakeImages::refuse_ranges(bool refuse) {
  const Lock lock(mutex_);
  ranges_refused_ = refuse;
}

void FakeImages::set_quota(client::Quota quota) {
  const Lock lock(mutex_);
  quota_ = quota;
}

void FakeImages::set_site(client::Site site) {
  const Lock lock(mutex_);
  site_ = std::move(site);
}

void FakeImages::set_stores(std::vector<std::string> stores) {
  const Lock lock(mutex_);
  stores_ = std::move(stores);
}

void FakeImages::set_import_methods(std::vector<std::string> methods) {
  const Lock lock(mutex_);
  import_methods_ = std::move(methods);
}

void FakeImages::set_web(const std::string& uri, std::string data) {
  const Lock lock(mutex_);
  web_[uri] = std::make_shared<const std::string>(std::move(data));
}

void FakeImages::set_import_end(ImportEnd end) {
  const Lock lock(mutex_);
  import_end_ = end;
}

void FakeImages::on_uploaded(std::function<void(const std::string& id)> hook) {
  const Lock lock(mutex_);
  uploaded_ = std::move(hook);
}

void FakeImages::fail(Call call, std::exception_ptr error, int times, int after,
                      std::uint64_t bytes) {
  const Lock lock(mutex_);
  gates_[call].faults.push_back(
      {.error = std::move(error), .skip = after, .times = times, .bytes = bytes});
}

void FakeImages::hold(Call call, std::uint64_t bytes) {
  const Lock lock(mutex_);
  Gate& gate = gates_[call];
  gate.closed = true;
  gate.bytes = bytes;
}

void FakeImages::release(Call call, int count) {
  const Lock lock(mutex_);
  Gate& gate = gates_[call];
  if (count == 0) {
    gate.closed = false;
    gate.tickets = 0;
  } else {
    gate.tickets += count;
  }
  changed_.notify_all();
}

int FakeImages::value(Call call, int Gate::*number) const {
  const Lock lock(mutex_);
  return gates_[call].*number;
}

bool FakeImages::wait_for(Call call, const std::function<bool(const Gate&)>& reached) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  const Lock lock(mutex_);
  while (!reached(gates_[call])) {
    if (!changed_.wait_until(mutex_, deadline)) return reached(gates_[call]);
  }
  return true;
}

int FakeImages::calls(Call call) const { return value(call, &Gate::calls); }
int FakeImages::running(Call call) const { return value(call, &Gate::running); }
int FakeImages::waiting(Call call) const { return value(call, &Gate::waiting); }
int FakeImages::most_at_once(Call call) const { return value(call, &Gate::most); }

bool FakeImages::wait_for_calls(Call call, int count) const {
  return wait_for(call, [count](const Gate& gate) { return gate.calls >= count; });
}

bool FakeImages::wait_for_waiting(Call call, int count) const {
  return wait_for(call, [count](const Gate& gate) { return gate.waiting >= count; });
}

bool FakeImages::wait_for_idle(Call call) const {
  return wait_for(call, [](const Gate& gate) { return gate.running == 0; });
}

std::vector<ByteRange> FakeImages::ranges(const std::string& id) const {
  const Lock lock(mutex_);
  const auto found = ranges_.find(id);
  return found == ranges_.end() ? std::vector<ByteRange>() : found->second;
}

}  // namespace glancefs::test
