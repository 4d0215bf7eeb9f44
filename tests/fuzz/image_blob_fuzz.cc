// The catalogue on disk: whatever its rows hold, an image comes out as it would go in, or none.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fs/catalogue/image_blob.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto image = glancefs::fs::decode_image("1234abcd-0000-4000-8000-00000000ffff", bytes);
  if (image && glancefs::fs::encode_image(*image) != bytes) std::abort();
  return 0;
}
