#include "cache/digest.h"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/fd.h"

namespace glancefs::cache {
namespace {

struct Algorithm {
  std::string_view name;     // as Glance (Python's hashlib) writes it
  const char* openssl_name;  // as EVP_MD_fetch() wants it
  bool collision_resistant;
};

// Only hashes of a fixed length: a SHAKE digest says nothing without the length somebody chose.
constexpr std::array<Algorithm, 14> kAlgorithms = {{
    {"md5", "MD5", false},
    {"sha1", "SHA1", false},
    {"sha224", "SHA2-224", true},
    {"sha256", "SHA2-256", true},
    {"sha384", "SHA2-384", true},
    {"sha512", "SHA2-512", true},
    {"sha512_224", "SHA2-512/224", true},
    {"sha512_256", "SHA2-512/256", true},
    {"sha3_224", "SHA3-224", true},
    {"sha3_256", "SHA3-256", true},
    {"sha3_384", "SHA3-384", true},
    {"sha3_512", "SHA3-512", true},
    {"blake2b", "BLAKE2B-512", true},
    {"blake2s", "BLAKE2S-256", true},
}};

const Algorithm* find_algorithm(std::string_view name) noexcept {
  for (const auto& algorithm : kAlgorithms) {
    if (algorithm.name == name) return &algorithm;
  }
  return nullptr;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
struct FreeMethod {
  void operator()(EVP_MD* method) const noexcept { EVP_MD_free(method); }
};

}  // namespace

struct Hasher::Context {
  std::string algorithm;
  std::unique_ptr<EVP_MD_CTX, FreeContext> evp;
};

std::optional<Hasher> Hasher::create(std::string_view algorithm) {
  const Algorithm* known = find_algorithm(algorithm);
  if (known == nullptr) return std::nullopt;
  // A library in FIPS mode knows fewer hashes than the table.
  const std::unique_ptr<EVP_MD, FreeMethod> method(
      EVP_MD_fetch(nullptr, known->openssl_name, nullptr));
  if (!method) return std::nullopt;
  auto context = std::make_unique<Context>();
  context->algorithm = algorithm;
  context->evp.reset(EVP_MD_CTX_new());
  if (!context->evp) throw_errno(ENOMEM, "hash context");
  if (EVP_DigestInit_ex2(context->evp.get(), method.get(), nullptr) != 1) return std::nullopt;
  return Hasher(std::move(context));
}

Hasher::Hasher(std::unique_ptr<Context> context) : context_(std::move(context)) {}
Hasher::Hasher(Hasher&& other) noexcept = default;
Hasher& Hasher::operator=(Hasher&& other) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(std::span<const std::byte> bytes) {
  if (EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()) != 1) {
    throw_errno(EIO, "hash " + context_->algorithm);
  }
}

Digest Hasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned length = 0;
  if (EVP_DigestFinal_ex(context_->evp.get(), raw.data(), &length) != 1) {
    throw_errno(EIO, "hash " + context_->algorithm);
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  Digest digest{.algorithm = context_->algorithm, .hex = {}};
  for (const unsigned char byte : std::span(raw).first(length)) {
    digest.hex += kHex[byte >> 4U];
    digest.hex += kHex[byte & 15U];
  }
  return digest;
}

bool collision_resistant(std::string_view algorithm) noexcept {
  const Algorithm* known = find_algorithm(algorithm);
  return known != nullptr && known->collision_resistant;
}

}  // namespace glancefs::cache
