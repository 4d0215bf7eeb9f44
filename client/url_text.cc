#include "client/url_text.h"

namespace glancefs::client {

std::string url_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      encoded += c;
      continue;
    }
    const auto code = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[code >> 4];
    encoded += kDigits[code & 0x0F];
  }
  return encoded;
}

}  // namespace glancefs::client
