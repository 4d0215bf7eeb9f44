// Shared by the parts of FakeImages; for nobody else.
#pragma once

#include <algorithm>
#include <cerrno>
#include <exception>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "tests/support/fake_images.h"

namespace glancefs::test {

/// Data passes in pieces of this size, in bytes.
constexpr std::uint64_t kPiece = 65536;

/// Throws the HttpError that Glance's answer would become.
[[noreturn]] void refuse(client::Operation operation, int status, std::string_view request,
                         std::string message);

void set_status(client::Image& image, client::Status status);

/// Makes `image` active with `data`: size, checksum, hash.
void seal(client::Image& image, const std::string& data);

/// A property that only Glance sets.
void set_own(client::Image& image, std::string_view key, std::string value);
void erase_own(client::Image& image, std::string_view key);

// One call on its way through the gate of its kind.
class FakeImages::Passage {
 public:
  Passage(FakeImages& fake, Call call, std::stop_token stop)
      : fake_(fake),
        call_(call),
        stop_(std::move(stop)) {
    const Lock lock(fake_.mutex_);
    Gate& gate = fake_.gates_[call_];
    ++gate.calls;
    gate.most = std::max(gate.most, ++gate.running);
    take_fault(gate);
    fake_.changed_.notify_all();
  }
  ~Passage() {
    const Lock lock(fake_.mutex_);
    --fake_.gates_[call_].running;
    fake_.changed_.notify_all();
  }
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;

  /// `bytes` have passed: waits, fails or goes on.
  void at(std::uint64_t bytes) {
    wait(bytes);
    if (stop_.stop_requested()) throw_errno(ECANCELED, "stopped");
    if (fault_ && bytes >= fault_bytes_) std::rethrow_exception(fault_);
  }
  /// How many bytes may pass before at() must be asked again.
  std::uint64_t until_stop(std::uint64_t bytes) const {
    const Lock lock(fake_.mutex_);
    std::uint64_t limit = kPiece;
    const Gate& gate = fake_.gates_[call_];
    if (gate.closed && gate.bytes > bytes) limit = std::min(limit, gate.bytes - bytes);
    if (fault_ && fault_bytes_ > bytes) limit = std::min(limit, fault_bytes_ - bytes);
    return limit;
  }

 private:
  void take_fault(Gate& gate) REQUIRES(fake_.mutex_) {
    for (Fault& fault : gate.faults) {
      if (fault.skip > 0) {
        --fault.skip;
      } else if (fault.times > 0) {
        --fault.times;
        fault_ = fault.error;
        fault_bytes_ = fault.bytes;
        return;
      }
    }
  }

  void wait(std::uint64_t bytes) {
    const std::stop_callback wake(stop_, [this] {
      const Lock lock(fake_.mutex_);
      fake_.changed_.notify_all();
    });
    const Lock lock(fake_.mutex_);
    Gate& gate = fake_.gates_[call_];
    if (passed_ || !gate.closed || bytes < gate.bytes) return;
    ++gate.waiting;
    fake_.changed_.notify_all();
    while (gate.closed && gate.tickets == 0 && !stop_.stop_requested()) {
      fake_.changed_.wait(fake_.mutex_);
    }
    --gate.waiting;
    if (gate.closed && gate.tickets > 0) --gate.tickets;
    passed_ = true;
  }

  FakeImages& fake_;
  const Call call_;
  const std::stop_token stop_;
  std::exception_ptr fault_;
  std::uint64_t fault_bytes_ = 0;
  bool passed_ = false;
};

}  // namespace glancefs::test
