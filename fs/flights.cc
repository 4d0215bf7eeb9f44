#include "fs/flights.h"

#include <algorithm>

namespace glancefs::fs {
namespace {

constexpr std::uint64_t kMiB = 1024UL * 1024;
// A request costs Glance some 8 ms whatever its size: shorter ranges waste it, longer ones
// unbalance the parallel streams.
constexpr std::uint64_t kSmallestRange = kMiB;
constexpr std::uint64_t kLargestRange = 16 * kMiB;

}  // namespace

bool Flights::plan(const std::shared_ptr<ImageData>& data, cache::Extent range,
                   cache::Extent ahead) {
  if (data->blocks.complete()) return false;
  const std::uint64_t end = ahead.offset + ahead.length;
  const std::uint64_t needed = range.offset + range.length;
  // A window is cut for parallel streams; an isolated read is less than one piece.
  const std::uint64_t piece = std::clamp(ahead.length / 4 / cache::kBlockSize * cache::kBlockSize,
                                         kSmallestRange, kLargestRange);
  bool added = false;
  std::uint64_t offset = ahead.offset;
  while (offset < end) {
    const auto hole = data->blocks.missing(offset, end - offset);
    if (!hole) break;
    if (Flight* flight = data->flight_at(hole->offset)) {
      if (hole->offset < needed) promote(*flight);
      offset = flight->end;
      continue;
    }
    const std::uint64_t hole_end = data->next_flight(hole->offset, hole->offset + hole->length);
    const std::uint64_t length = std::min(hole_end - hole->offset, piece);
    added |= add(data, {.offset = hole->offset, .length = length}, hole->offset < needed);
    offset = hole->offset + length;
  }
  return added;
}

bool Flights::add(const std::shared_ptr<ImageData>& data, cache::Extent extent, bool demanded) {
  // One stream at a time: who needs what it has passed already asks again when it ends.
  if (data->whole_only && !data->flights.empty()) return false;
  auto flight = std::make_shared<Flight>();
  flight->data = data;
  flight->position = data->whole_only ? 0 : extent.offset;
  flight->end = data->whole_only ? data->blocks.size() : extent.offset + extent.length;
  flight->whole = data->whole_only;
  flight->demanded = demanded;
  data->flights.push_back(flight);
  (demanded ? demanded_ : wished_).push_back(std::move(flight));
  return true;
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

std::shared_ptr<Flight> Flights::take() {
  std::deque<std::shared_ptr<Flight>>& queue = demanded_.empty() ? wished_ : demanded_;
  if (queue.empty()) return nullptr;
  std::shared_ptr<Flight> flight = std::move(queue.front());
  queue.pop_front();
  running_.push_back(flight);
  return flight;
}

void Flights::landed(const std::shared_ptr<Flight>& flight) {
  std::erase(running_, flight);
  std::erase(flight->data->flights, flight);
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
