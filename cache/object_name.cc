#include "cache/object_name.h"

#include <algorithm>

#include "cache/file_io.h"

namespace glancefs::cache {
namespace {

constexpr std::size_t kShardLength = 2;  // 256 directories: few files in each

std::string hash_of(const std::string& source) {
  auto hasher = Hasher::create("sha256");
  if (!hasher) throw_errno(ENOTSUP, "this OpenSSL has no SHA-256");
  hasher->update(bytes_of(source));
  return hasher->finish().hex;
}

}  // namespace

bool shareable(const Key& key) {
  if (!key.content || !collision_resistant(key.content->algorithm)) return false;
  const std::string& hex = key.content->hex;
  constexpr std::size_t kShortest = 56;  // of the hashes we know: 224 bits
  return hex.size() >= kShortest && std::ranges::all_of(hex, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string partial_name(const std::string& source) {
  const std::string hash = hash_of(source);
  return "partial/" + hash.substr(0, kShardLength) + "/" + hash;
}

std::string sealed_name(const Key& key) {
  if (shareable(key)) {
    return "sealed/" + key.content->hex.substr(0, kShardLength) + "/" + key.content->algorithm +
           "-" + key.content->hex;
  }
  const std::string hash = hash_of(key.source);
  return "sealed/" + hash.substr(0, kShardLength) + "/source-" + hash;
}

std::string directory_of(const std::string& name) { return name.substr(0, name.rfind('/')); }

}  // namespace glancefs::cache
