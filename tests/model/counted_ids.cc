#include "tests/model/counted_ids.h"

#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

namespace glancefs::model {
namespace {

constexpr std::size_t kIdSize = 16;
std::atomic<std::uint32_t> count{0};
std::atomic<bool> counting{false};

void store(unsigned char* to, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<unsigned char>(value >> (24 - 8 * i));
}

}  // namespace

void begin_counted_ids() {
  count = 0;
  counting = true;
}

}  // namespace glancefs::model

// In place of the C library's.
extern "C" ssize_t getrandom(void* into, std::size_t size, unsigned flags) noexcept {
  using namespace glancefs::model;
  if (!counting || size != kIdSize) return ::syscall(SYS_getrandom, into, size, flags);
  const std::uint32_t number = ++count;
  std::array<unsigned char, kIdSize> bytes{};
  store(bytes.data(), 0x10000000U + number / 4);
  store(bytes.data() + 12, number);
  std::memcpy(into, bytes.data(), size);
  return static_cast<ssize_t>(size);
}
