#include "fs/read/fetcher.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "base/fd.h"
#include "base/log.h"
#include "cache/memory_store.h"
#include "fs/read/block_sink.h"

namespace glancefs::fs {
namespace {

// How far a download that nobody can keep may run ahead of its reader: half of what spare memory
// holds.
constexpr std::uint64_t kUnkeptLead = 16ULL * 1024 * 1024;

std::exception_ptr failure(int error, const std::string& what) {
  return std::make_exception_ptr(std::system_error(error, std::generic_category(), what));
}

}  // namespace

Fetcher::Fetcher(FetcherConfig config, client::Images& images, cache::Store& store)
    : config_(std::move(config)),
      images_(images),
      store_(store),
      spare_(cache::make_memory_store(config_.spare_memory)),
      direct_(config_.direct),
      ranges_(images),
      limit_(config_.limit),
      flights_(config_.connections),
      alarm_([this] { return look_after_readers(); }),
      sealer_(
          config_.verify == Verify::kLater, [this](const auto& data) { trust(data); },
          [this](const auto& data, cache::Seal result) { judge(data, result); }) {
  for (unsigned i = 0; i < config_.connections; ++i)
    threads_.emplace_back([this] { fetch_loop(); });
}

Fetcher::~Fetcher() {
  Waiters left;
  {
    Lock lock(mutex_);
    ending_ = true;
    flights_.cancel_all();
    for (auto& [id, data] : open_) {
      left.splice(left.end(), data->waiters);
      data->flights.clear();
    }
    work_.notify_all();
    progress_.notify_all();
  }
  for (const auto& waiter : left) waiter->pending->fail(failure(EIO, "the mount is ending"));
  for (std::thread& thread : threads_) thread.join();
}

std::shared_ptr<Reader> Fetcher::open(const client::ImagePtr& image) {
  auto reader = std::make_shared<Reader>();
  {
    Lock lock(mutex_);
    const auto found = open_.find(image->id);
    if (found != open_.end()) {
      reader->data = found->second;
      ++reader->data->users;
      return reader;
    }
  }
  const cache::Key key = cache_key(config_.endpoint, *image);
  cache::EntryPtr kept = direct_.open(*image, key);
  try {
    if (!kept) kept = store_.open(key);
  } catch (const std::system_error& error) {
    log::warning("image {} is served without the cache: {}", image->id, error.what());
  }
  auto data = std::make_shared<ImageData>(image, Blocks(std::move(kept), spare_->open(key)),
                                          config_.verify);
  Lock lock(mutex_);
  const auto [place, added] = open_.try_emplace(image->id, data);
  reader->data = place->second;
  ++reader->data->users;
  if (added) seal_if_complete(data);
  return reader;
}

void Fetcher::close(const std::shared_ptr<Reader>& reader) noexcept {
  Lock lock(mutex_);
  const std::shared_ptr<ImageData>& data = reader->data;
  flights_.forget_wishes(*reader);
  if (--data->users > 0) return;
  open_.erase(data->image->id);
  flights_.cancel(data);
  progress_.notify_all();
}

std::optional<cache::Extent> Fetcher::missing(const Reader& reader, std::uint64_t offset) {
  const Blocks& blocks = reader.data->blocks;
  const auto hole = blocks.missing(offset, blocks.size() - offset);
  return hole ? hole : blocks.missing(0, blocks.size());
}

bool Fetcher::proven(const Reader& reader) { return reader.data->blocks.sealed(); }

std::shared_ptr<const Fd> Fetcher::file(const Reader& reader) { return reader.data->blocks.file(); }

void Fetcher::read(const std::shared_ptr<Reader>& reader, cache::Extent range,
                   std::unique_ptr<PendingRead> pending, std::uint64_t at_least) {
  auto waiter = std::make_unique<Waiter>();
  waiter->range = range;
  waiter->reader = reader;
  waiter->pending = std::move(pending);
  waiter->deadline = std::chrono::steady_clock::now() + config_.read_timeout;
  cache::Extent ahead;
  {
    Lock lock(mutex_);
    ImageData& data = *reader->data;
    const auto hole = data.blocks.missing(range.offset, range.length);
    const bool lost = hole && data.flight_at(hole->offset) == nullptr;
    ahead = reader->ahead.next(range.offset, range.length, data.blocks.size(), lost);
    ahead.length = std::max(ahead.length, std::min(at_least, data.blocks.size() - range.offset));
    data.furthest = std::max(data.furthest, range.offset + range.length);
    progress_.notify_all();
    // What is here already must not stop the read-ahead behind it.
    if (!ending_) plan(*reader, range, ahead);
  }
  if (try_answer(*waiter)) {
    hits_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  misses_.fetch_add(1, std::memory_order_relaxed);
  waiter->on_interrupt = std::make_unique<std::stop_callback<std::function<void()>>>(
      waiter->pending->interrupted(), [this] { alarm_.wake(); });
  park(std::move(waiter), ahead);
}

bool Fetcher::try_answer(Waiter& waiter) {
  ImageData& data = *waiter.reader->data;
  std::uint64_t generation = 0;
  {
    Lock lock(mutex_);
    generation = data.generation;
    const bool stale = waiter.reader->generation && *waiter.reader->generation != generation;
    const char* refusal = stale ? "has changed: it was not what its hash says" : data.refusal();
    if (ending_) refusal = "is not here yet, and the mount is ending";
    if (refusal != nullptr) {
      lock.unlock();
      waiter.pending->fail(failure(EIO, "the data of image " + data.image->id + " " + refusal));
      return true;
    }
    if (data.awaits_verdict()) return false;
  }
  if (waiter.generation != generation) waiter.bytes.clear();
  waiter.generation = generation;
  const cache::Extent rest = waiter.rest();
  if (rest.length > 0) {
    if (waiter.bytes.empty() && data.blocks.missing(rest.offset, 1)) return false;
    const std::size_t before = waiter.bytes.size();
    waiter.bytes.resize(waiter.range.length);
    const std::size_t got = data.blocks.read(rest.offset, std::span(waiter.bytes).subspan(before));
    waiter.bytes.resize(before + got);
    if (got < rest.length) return false;
  }
  {
    Lock lock(mutex_);
    if (data.generation != generation || data.awaits_verdict()) return false;
    waiter.reader->generation = generation;
  }
  waiter.pending->done(waiter.bytes);
  return true;
}

void Fetcher::plan(const Reader& reader, cache::Extent range, cache::Extent ahead) {
  if (reader.data->sealing) return;  // whether anything is missing will be known after it
  if (reader.data->awaits_verdict()) {
    range = ahead = {.offset = 0, .length = reader.data->blocks.size()};
  }
  if (flights_.plan(reader, range, ahead)) work_.notify_all();
}

void Fetcher::park(std::unique_ptr<Waiter> waiter, cache::Extent ahead) {
  const std::shared_ptr<ImageData> data = waiter->reader->data;
  Waiters ready;  // destroyed after the lock is let go
  {
    Lock lock(mutex_);
    if (ending_ || data->covers(*waiter)) {
      ready.push_back(std::move(waiter));  // came in between
    } else {
      plan(*waiter->reader, waiter->rest(), ahead);
      alarm_.wake_by(waiter->deadline);
      data->waiters.push_back(std::move(waiter));
    }
  }
  if (!ready.empty()) answer(std::move(ready));
}

void Fetcher::answer(Waiters waiters) {
  for (auto& waiter : waiters) {
    if (try_answer(*waiter)) continue;
    const cache::Extent rest = waiter->rest();
    park(std::move(waiter), rest);
  }
}

void Fetcher::deliver(Flight& flight, std::uint64_t offset, std::span<const std::byte> bytes) {
  const std::shared_ptr<ImageData> data = flight.data;
  const bool waited = limit_.spend(bytes.size(), flight.stop.get_token());
  const bool kept = data->blocks.write(offset, bytes);
  fetched_ += bytes.size();
  Waiters ready;
  {
    Lock lock(mutex_);
    const Time now = std::chrono::steady_clock::now();
    flight.position = offset + bytes.size();
    if (flight.first == Time{}) {
      flight.first = now;
      flight.first_position = flight.position;
    }
    if (waited) flight.seen = now;  // slow is what it is meant to be
    ready = data->give(flight, offset, bytes, now + config_.read_timeout);
    data->brought += bytes.size();
    seal_if_complete(data);
    if (kept && !data->sealing) sealer_.follow(data);
  }
  answer(std::move(ready));
  if (!kept) hold_back(flight);
}

void Fetcher::seal_if_complete(const std::shared_ptr<ImageData>& data) {
  if (data->sealing || !data->blocks.complete() || data->blocks.sealed()) return;
  data->sealing = true;
  sealer_.seal(data);
}

void Fetcher::hold_back(const Flight& flight) {
  Lock lock(mutex_);
  while (!ending_ && !flight.stop.stop_requested() && flight.data->users > 0 &&
         flight.position < flight.end && flight.position > flight.data->furthest + kUnkeptLead) {
    progress_.wait(mutex_);
  }
}

void Fetcher::download(const std::shared_ptr<Flight>& flight) {
  const client::Image& image = *flight->data->image;
  BlockSink sink(flight->whole ? 0 : flight->position, flight->data->blocks.size(),
                 [&](std::uint64_t offset, std::span<const std::byte> bytes) {
                   deliver(*flight, offset, bytes);
                 });
  if (flight->whole) {
    images_.stream(image, sink, flight->stop.get_token());
    return;
  }
  ImageData& data = *flight->data;
  if (flight->begin > 0 || flight->end < data.blocks.size()) {
    if (!data.store_asked && !ranges_.given(image, flight->stop.get_token())) {
      return refuse_ranges(data);
    }
    data.store_asked = true;
    Lock lock(mutex_);
    if (data.whole_only) return;  // learnt while this one queued
  }
  const client::ByteRange range{.offset = flight->position,
                                .length = flight->end - flight->position};
  if (images_.download(image, range, sink, flight->stop.get_token()) ==
      client::Delivery::kRangesRefused) {
    ranges_.refused(image);
    refuse_ranges(data);
  }
}

void Fetcher::refuse_ranges(ImageData& data) {
  Lock lock(mutex_);
  data.whole_only = true;
}

void Fetcher::finish(const std::shared_ptr<Flight>& flight, const std::exception_ptr& failed) {
  Waiters hit;
  Waiters stranded;
  {
    Lock lock(mutex_);
    flights_.landed(flight, std::chrono::steady_clock::now());
    work_.notify_one();  // of its image another one may run now
    hit = flight->data->take_waiters_of(*flight);
    if (flight->data->verify == Verify::kStrict && flight->data->does_not_fit()) {
      flight->data->verdict = Verdict::kUnproven;
    }
    stranded = flight->data->take_stranded();
  }
  if (failed && !flight->stop.stop_requested()) {
    for (const auto& waiter : hit) waiter->pending->fail(failed);
    hit.clear();
  }
  stranded.splice(stranded.end(), hit);
  answer(std::move(stranded));
}

std::shared_ptr<Flight> Fetcher::take() {
  Lock lock(mutex_);
  while (!ending_) {
    const auto now = std::chrono::steady_clock::now();
    if (auto flight = flights_.take(now)) {
      alarm_.wake_by(now + config_.stall_timeout);
      return flight;
    }
    work_.wait(mutex_);
  }
  return nullptr;
}

void Fetcher::fetch_loop() {
  while (const std::shared_ptr<Flight> flight = take()) {
    std::exception_ptr failed;
    try {
      download(flight);
    } catch (...) {
      failed = std::current_exception();
    }
    finish(flight, failed);
  }
}

Fetcher::Time Fetcher::look_after_readers() {
  Leaving leaving;
  Time next = Time::max();
  {
    Lock lock(mutex_);
    if (ending_) return next;
    const Time now = std::chrono::steady_clock::now();
    next = flights_.stop_stalled(now, config_.stall_timeout);
    for (auto& [id, data] : open_) data->take_leaving(now, leaving, next);
  }
  for (const auto& waiter : leaving.interrupted) {
    waiter->pending->fail(failure(EINTR, "interrupted"));
  }
  for (const auto& waiter : leaving.late) {
    waiter->pending->fail(failure(
        ETIMEDOUT, "no data of image " + waiter->reader->data->image->id + " came in time"));
  }
  return next;
}

// The hash is right. Making the image durable takes a while yet.
void Fetcher::trust(const std::shared_ptr<ImageData>& data) {
  Waiters waiting;
  {
    Lock lock(mutex_);
    data->verdict = Verdict::kRight;
    waiting.swap(data->waiters);
  }
  answer(std::move(waiting));
}

// What the hash says of `data`.
void Fetcher::judge(const std::shared_ptr<ImageData>& data, cache::Seal result) {
  Waiters waiting;
  {
    Lock lock(mutex_);
    if (!data->judge(result)) {
      log::error("image {}: the data is not what its hash {} says; {}", data->image->id,
                 data->image->hash_algorithm,
                 data->verdict == Verdict::kWrong ? "giving it up" : "fetching it once more");
    }
    waiting.swap(data->waiters);
  }
  answer(std::move(waiting));
}

std::optional<std::uint64_t> Fetcher::present(std::string_view image_id) const {
  Lock lock(mutex_);
  const auto found = open_.find(std::string(image_id));
  if (found == open_.end()) return std::nullopt;
  return found->second->blocks.present();
}

std::vector<Transfer> Fetcher::transfers() const {
  Lock lock(mutex_);
  const Time now = std::chrono::steady_clock::now();
  std::map<const ImageData*, Transfer> by_image;
  for (const auto& flight : flights_.running()) {
    const ImageData& data = *flight->data;
    auto [place, added] = by_image.try_emplace(&data);
    Transfer& transfer = place->second;
    if (added) {
      transfer = download_of(*data.image, "reading");
      transfer.bytes = data.blocks.present();
      // Of the bytes that were wrong, and of the connections that brought nothing.
      transfer.attempt = 1 + data.mismatches + data.stalls;
    }
    if (flight->first == Time{}) continue;
    const auto rate = rate_of(flight->position - flight->first_position, now - flight->first);
    if (rate) transfer.rate = transfer.rate.value_or(0) + *rate;
  }
  std::vector<Transfer> transfers;
  for (auto& [data, transfer] : by_image) transfers.push_back(std::move(transfer));
  return transfers;
}

std::uint64_t Fetcher::fetched_bytes() const noexcept { return fetched_; }

}  // namespace glancefs::fs
