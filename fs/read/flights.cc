#include "fs/read/flights.h"

#include <algorithm>

namespace glancefs::fs {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kMiB = 1024UL * 1024;
// A request costs Glance some 8 ms whatever its size: shorter ranges waste it, longer ones
// unbalance the parallel streams, unless they are done in no time.
constexpr std::uint64_t kSmallestRange = 2 * kMiB;
constexpr std::uint64_t kSmallImage = kMiB / 4;
constexpr std::uint64_t kUsualRange = 16 * kMiB;
constexpr std::uint64_t kLargestRange = 64 * kMiB;
constexpr milliseconds kNoTime{500};
constexpr milliseconds kLongTime{2000};
// A stream this fast is limited by this machine or by the other one, and more streams have nothing
// to add; two, so that one brings bytes while the other is being answered. Measured on one Glance
// process: 512 MiB in 0.9 s instead of 1.2 s by eight.
constexpr double kFastStream = 400e6;  // bytes per second
constexpr unsigned kFewStreams = 2;
constexpr std::uint64_t kEnoughToTell = kMiB / 2;
// Less than this in all the time that a stall takes is as good as nothing.
constexpr std::uint64_t kNextToNothing = cache::kBlockSize;
// A store that recalls an object from tape sends nothing for minutes: patience doubles so often.
constexpr unsigned kDoublings = 5;

}  // namespace

Flights::Flights(unsigned most) : most_(most), largest_(kUsualRange) {}

bool Flights::plan(const Reader& reader, cache::Extent range, cache::Extent ahead) {
  ImageData& data = *reader.data;
  if (data.blocks.complete()) return false;
  // Less than this is not worth two requests.
  if (data.blocks.size() <= kSmallImage) ahead = {.offset = 0, .length = data.blocks.size()};
  const std::uint64_t end = ahead.offset + ahead.length;
  const std::uint64_t needed = range.offset + range.length;
  // A window is cut for parallel streams; an isolated read is less than one piece.
  const std::uint64_t piece =
      std::clamp(ahead.length / streams(data) / cache::kBlockSize * cache::kBlockSize,
                 kSmallestRange, largest_);
  bool added = false;
  std::uint64_t offset = ahead.offset;
  while (offset < end) {
    const auto hole = data.blocks.missing(offset, end - offset);
    if (!hole) break;
    if (Flight* flight = data.flight_at(hole->offset)) {
      if (hole->offset < needed) promote(*flight);
      offset = flight->end;
      continue;
    }
    const std::uint64_t hole_end = data.next_flight(hole->offset, hole->offset + hole->length);
    const std::uint64_t rest = hole_end - hole->offset;
    // No request for a small remainder.
    const std::uint64_t length = rest < piece + piece / 2 ? rest : piece;
    added |= add(reader, {.offset = hole->offset, .length = length}, hole->offset < needed);
    offset = hole->offset + length;
  }
  if (!demanded_.empty()) make_room();
  return added;
}

bool Flights::add(const Reader& reader, cache::Extent extent, bool demanded) {
  ImageData& data = *reader.data;
  // One stream at a time: who needs what it has passed already asks again when it ends.
  if (data.whole_only && !data.flights.empty()) return false;
  auto flight = std::make_shared<Flight>();
  flight->data = reader.data;
  flight->begin = flight->position = data.whole_only ? 0 : extent.offset;
  flight->end = data.whole_only ? data.blocks.size() : extent.offset + extent.length;
  flight->whole = data.whole_only;
  flight->demanded = demanded;
  flight->wisher = &reader;
  data.flights.push_back(flight);
  (demanded ? demanded_ : wished_).push_back(std::move(flight));
  return true;
}

// A reader that waits must not stand behind another's long read-ahead.
void Flights::make_room() {
  const auto can_go = [](const std::shared_ptr<Flight>& flight) {
    return !flight->demanded && !flight->whole && !flight->stop.stop_requested();
  };
  const auto stopping = std::ranges::count_if(running_, [](const std::shared_ptr<Flight>& flight) {
    return flight->stop.stop_requested();
  });
  if (running_.size() < most_ || static_cast<std::size_t>(stopping) >= demanded_.size()) return;
  const auto last = std::ranges::find_if(running_.rbegin(), running_.rend(), can_go);
  if (last != running_.rend()) (*last)->stop.request_stop();
}

void Flights::promote(Flight& flight) {
  if (flight.demanded) return;
  flight.demanded = true;
  const auto queued = std::ranges::find_if(
      wished_, [&](const std::shared_ptr<Flight>& wished) { return wished.get() == &flight; });
  if (queued == wished_.end()) return;  // runs already
  demanded_.push_back(*queued);
  wished_.erase(queued);
}

unsigned Flights::streams(const ImageData& data) const {
  return data.one_is_enough ? std::min(kFewStreams, most_) : most_;
}

bool Flights::may_run(const ImageData& data) const {
  const auto running = std::ranges::count_if(
      running_, [&](const std::shared_ptr<Flight>& flight) { return flight->data.get() == &data; });
  return static_cast<std::size_t>(running) < streams(data);
}

std::shared_ptr<Flight> Flights::take(Time now) {
  std::deque<std::shared_ptr<Flight>>& queue = demanded_.empty() ? wished_ : demanded_;
  const auto next = std::ranges::find_if(queue, [&](const std::shared_ptr<Flight>& queued) {
    return queued->demanded || may_run(*queued->data);
  });
  if (next == queue.end()) return nullptr;
  std::shared_ptr<Flight> flight = std::move(*next);
  queue.erase(next);
  flight->began = flight->seen = now;
  flight->seen_position = flight->position;
  running_.push_back(flight);
  return flight;
}

// How fast a download has come, without the time until its first bytes: that is the distance.
void Flights::learn(const Flight& flight, Time now) const {
  ImageData& data = *flight.data;
  const std::uint64_t bytes = flight.position - flight.first_position;
  if (flight.first == Time{} || bytes < kEnoughToTell) return;
  const double seconds = std::max(std::chrono::duration<double>(now - flight.first).count(), 1e-6);
  const double rate = static_cast<double>(bytes) / seconds;
  // Two halve one another's rate where this machine is the limit.
  data.one_is_enough = rate >= (data.one_is_enough ? kFastStream / kFewStreams : kFastStream);
}

void Flights::landed(const std::shared_ptr<Flight>& flight, Time now) {
  std::erase(running_, flight);
  std::erase(flight->data->flights, flight);
  learn(*flight, now);
  if (flight->position < flight->end) return;
  flight->data->stalls = 0;
  if (flight->whole || flight->end - flight->begin < largest_) return;
  if (now - flight->began > kLongTime) largest_ = std::max(largest_ / 2, kUsualRange);
  if (now - flight->began < kNoTime) largest_ = std::min(largest_ * 2, kLargestRange);
}

Flights::Time Flights::stop_stalled(Time now, milliseconds patience) {
  Time next = Time::max();
  for (const std::shared_ptr<Flight>& flight : running_) {
    if (!flight->demanded || flight->stop.stop_requested()) continue;
    if (flight->position >= flight->seen_position + kNextToNothing) {
      flight->seen = now;
      flight->seen_position = flight->position;
    }
    const Time due = flight->seen + patience * (1U << std::min(flight->data->stalls, kDoublings));
    if (due > now) {
      next = std::min(next, due);
    } else {
      ++flight->data->stalls;
      flight->stop.request_stop();
    }
  }
  return next;
}

void Flights::forget_wishes(const Reader& reader) {
  const auto of_reader = [&](const std::shared_ptr<Flight>& flight) {
    return flight->wisher == &reader;
  };
  for (const auto& flight : wished_) {
    if (of_reader(flight)) std::erase(flight->data->flights, flight);
  }
  std::erase_if(wished_, of_reader);
}

void Flights::cancel(const std::shared_ptr<ImageData>& data) {
  const auto of_it = [&](const std::shared_ptr<Flight>& flight) { return flight->data == data; };
  std::erase_if(demanded_, of_it);
  std::erase_if(wished_, of_it);
  std::erase_if(data->flights, [&](const std::shared_ptr<Flight>& flight) {
    return std::ranges::find(running_, flight) == running_.end();
  });
  for (const auto& flight : running_) {
    if (of_it(flight)) flight->stop.request_stop();
  }
}

void Flights::cancel_all() {
  demanded_.clear();
  wished_.clear();
  for (const auto& flight : running_) flight->stop.request_stop();
}

}  // namespace glancefs::fs
