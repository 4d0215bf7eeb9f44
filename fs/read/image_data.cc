#include "fs/read/image_data.h"

#include <algorithm>

namespace glancefs::fs {
namespace {

// Hands `waiter` those of the bytes at `offset` that come next for it.
void hand_over(Waiter& waiter, std::uint64_t generation, std::uint64_t offset,
               std::span<const std::byte> bytes) {
  if (waiter.generation != generation) waiter.bytes.clear();
  waiter.generation = generation;
  const cache::Extent rest = waiter.rest();
  if (rest.offset < offset || rest.offset >= offset + bytes.size()) return;
  const auto next = bytes.subspan(rest.offset - offset);
  const auto part = next.first(std::min<std::uint64_t>(rest.length, next.size()));
  waiter.bytes.reserve(waiter.range.length);
  waiter.bytes.insert(waiter.bytes.end(), part.begin(), part.end());
}

bool overlaps(cache::Extent range, std::uint64_t begin, std::uint64_t end) {
  return range.offset < end && range.offset + range.length > begin;
}

}  // namespace

bool ImageData::awaits_verdict() const {
  if (verdict != Verdict::kOpen || blocks.sealed()) return false;
  // While it is being sealed, too: a mismatch drops the blocks before anybody is told.
  return verify == Verify::kStrict || (verify == Verify::kFull && (sealing || blocks.complete()));
}

bool ImageData::does_not_fit() const {
  return flights.empty() && brought >= blocks.size() && !blocks.complete();
}

const char* ImageData::refusal() const {
  if (verdict == Verdict::kWrong) return "is not what its hash says";
  if (verdict == Verdict::kUnproven && verify == Verify::kStrict) {
    return "cannot be proven before it is read, as verify=strict demands: the cache cannot keep "
           "all "
           "of it";
  }
  return nullptr;
}

bool ImageData::covers(const Waiter& waiter) const {
  if (awaits_verdict()) return false;
  const cache::Extent rest = waiter.rest();
  return rest.length == 0 || !blocks.missing(rest.offset, rest.length);
}

Waiters ImageData::give(const Flight& flight, std::uint64_t offset,
                        std::span<const std::byte> bytes,
                        std::chrono::steady_clock::time_point deadline) {
  Waiters ready;
  for (auto next = waiters.begin(); next != waiters.end();) {
    const auto waiter = next++;
    // Whoever waits for the verdict waits for every byte.
    if (awaits_verdict()) (*waiter)->deadline = deadline;
    if (!overlaps((*waiter)->range, offset, flight.end)) continue;
    (*waiter)->deadline = deadline;
    hand_over(**waiter, generation, offset, bytes);
    if (covers(**waiter)) ready.splice(ready.end(), waiters, waiter);
  }
  return ready;
}

Waiters ImageData::take_waiters_of(const Flight& flight) {
  Waiters taken;
  for (auto next = waiters.begin(); next != waiters.end();) {
    const auto waiter = next++;
    if (overlaps((*waiter)->range, flight.position, flight.end)) {
      taken.splice(taken.end(), waiters, waiter);
    }
  }
  return taken;
}

Waiters ImageData::take_stranded() {
  Waiters taken;
  for (auto next = waiters.begin(); next != waiters.end();) {
    const auto waiter = next++;
    if (flight_at((*waiter)->rest().offset) == nullptr) taken.splice(taken.end(), waiters, waiter);
  }
  return taken;
}

void ImageData::take_leaving(std::chrono::steady_clock::time_point now, Leaving& leaving,
                             std::chrono::steady_clock::time_point& next) {
  for (auto at = waiters.begin(); at != waiters.end();) {
    const auto waiter = at++;
    if ((*waiter)->pending->interrupted().stop_requested()) {
      leaving.interrupted.splice(leaving.interrupted.end(), waiters, waiter);
    } else if (sealing) {
      continue;  // it waits for this machine, not for the network
    } else if ((*waiter)->deadline <= now) {
      leaving.late.splice(leaving.late.end(), waiters, waiter);
    } else {
      next = std::min(next, (*waiter)->deadline);
    }
  }
}

bool ImageData::judge(cache::Seal result) {
  sealing = false;
  if (result == cache::Seal::kMismatch) {
    ++generation;
    brought = 0;
    if (++mismatches >= 2) verdict = Verdict::kWrong;
    whole_only = true;  // ranges that lie are one way to get here
  } else if (result == cache::Seal::kFailed && verdict == Verdict::kOpen) {
    verdict = Verdict::kUnproven;
  } else if (result == cache::Seal::kSealed) {
    verdict = Verdict::kRight;
  }
  return result != cache::Seal::kMismatch;
}

Flight* ImageData::flight_at(std::uint64_t offset) const {
  for (const auto& flight : flights) {
    if (flight->position <= offset && offset < flight->end) return flight.get();
  }
  return nullptr;
}

std::uint64_t ImageData::next_flight(std::uint64_t offset, std::uint64_t end) const {
  for (const auto& flight : flights) {
    if (flight->position > offset && flight->position < end) end = flight->position;
  }
  return end;
}

}  // namespace glancefs::fs
