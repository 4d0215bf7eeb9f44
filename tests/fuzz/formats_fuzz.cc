// The bytes of an image: whatever they are, looking at them reads within bounds and decides the
// same twice.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "fs/write/image_inspection.h"

namespace glancefs::fs {
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  const ReadAt read = [content](std::uint64_t offset, std::span<std::byte> into) {
    require(offset + into.size() <= 64ULL << 10U);
    if (offset >= content.size()) return std::size_t{0};
    const std::string_view found = content.substr(offset, into.size());
    std::memcpy(into.data(), found.data(), found.size());
    return found.size();
  };
  const ImageFormat found = detect_format(size, read);
  require(found == detect_format(size, read));
  using namespace std::string_view_literals;
  for (const std::string_view declared : {"raw"sv, "qcow2"sv, "vmdk"sv, "iso"sv, "ploop"sv}) {
    const ImageFormat format{.disk_format = std::string(declared), .container_format = "bare"};
    const auto objections = inspect_image(format, size, read);
    require(objections == inspect_image(format, size, read));
    for (const Objection& objection : objections) {
      require(std::ranges::count(objections, objection.kind, &Objection::kind) == 1);
      // Magic bytes at the very beginning leave no doubt.
      const bool named = found.container_format == "bare" && found.disk_format == declared;
      const bool certain = declared == "qcow2" || declared == "vmdk" || declared == "raw";
      require(objection.kind != Objection::Kind::kMismatch || !named || !certain || size < 512);
    }
  }
  return 0;
}

}  // namespace glancefs::fs
