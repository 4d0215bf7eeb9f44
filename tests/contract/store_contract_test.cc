#include "tests/contract/store_contract.h"

#include "cache/memory_store.h"

namespace glancefs::cache {
namespace {

struct MemoryStores {
  static std::unique_ptr<Store> make(const std::string& /*directory*/, std::uint64_t limit) {
    return make_memory_store(limit);
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, StoreContract, MemoryStores);

}  // namespace
}  // namespace glancefs::cache
