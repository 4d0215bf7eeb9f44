#include "tests/devcloud/blob.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>

namespace glancefs::devcloud {
namespace {

// SplitMix64's finaliser: every word of the pattern stands alone.
std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

class Digest {
 public:
  explicit Digest(const EVP_MD* kind) : context_(EVP_MD_CTX_new()) {
    if (context_ == nullptr || EVP_DigestInit_ex(context_.get(), kind, nullptr) != 1)
      throw std::runtime_error("no digest");
  }
  void update(std::span<const char> bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), raw.data(), &size);
    std::string out;
    for (unsigned int i = 0; i < size; ++i) out += fmt::format("{:02x}", raw.at(i));
    return out;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace

void fill_pattern(std::uint64_t seed, std::uint64_t offset, std::span<char> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const std::uint64_t at = offset + done;
    const std::uint64_t word = mix(seed * 0x9e3779b97f4a7c15ULL + at / 8);
    const std::size_t skip = at % 8;
    const std::size_t n = std::min(into.size() - done, 8 - skip);
    std::array<char, 8> bytes{};
    std::memcpy(bytes.data(), &word, sizeof word);
    std::memcpy(into.data() + done, bytes.data() + skip, n);
    done += n;
  }
}

std::string pattern(std::uint64_t seed, std::uint64_t offset, std::size_t length) {
  std::string out(length, '\0');
  fill_pattern(seed, offset, out);
  return out;
}

Blob::Blob(std::string bytes) : size_(bytes.size()) {
  if (!bytes.empty()) extents_.push_back(Extent{0, std::move(bytes)});
}

Blob Blob::sparse(std::uint64_t size, std::vector<Extent> extents) {
  Blob blob;
  blob.size_ = size;
  blob.extents_ = std::move(extents);
  return blob;
}

Blob Blob::generated(std::uint64_t size, std::uint64_t seed) {
  Blob blob;
  blob.size_ = size;
  blob.seed_ = seed;
  return blob;
}

std::size_t Blob::read(std::uint64_t offset, std::span<char> into) const {
  if (offset >= size_) return 0;
  const std::size_t n = std::min<std::uint64_t>(into.size(), size_ - offset);
  const auto part = into.first(n);
  if (seed_)
    fill_pattern(*seed_, offset, part);
  else
    std::fill(part.begin(), part.end(), '\0');
  for (const Extent& extent : extents_) {
    const std::uint64_t from = std::max(offset, extent.offset);
    const std::uint64_t to =
        std::min<std::uint64_t>(offset + n, extent.offset + extent.bytes.size());
    if (from < to)
      std::memcpy(part.data() + (from - offset), extent.bytes.data() + (from - extent.offset),
                  to - from);
  }
  return n;
}

void Blob::overwrite(std::uint64_t offset, std::string bytes) {
  extents_.push_back(Extent{offset, std::move(bytes)});
}

Hashes Blob::hashes() const {
  Digest md5(EVP_md5());
  Digest sha512(EVP_sha512());
  std::vector<char> piece(std::min<std::uint64_t>(size_, 1U << 20U));
  for (std::uint64_t at = 0; at < size_;) {
    const std::size_t n = read(at, piece);
    md5.update(std::span(piece).first(n));
    sha512.update(std::span(piece).first(n));
    at += n;
  }
  return Hashes{md5.hex(), sha512.hex()};
}

}  // namespace glancefs::devcloud
