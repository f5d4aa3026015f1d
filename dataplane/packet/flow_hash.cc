#include "dataplane/packet/flow_hash.h"

namespace coretrack {

uint64_t SipHash13(const HashSecret& secret, const uint64_t* words, uint32_t count) {
  siphash::State state(secret.k0, secret.k1);
  for (uint32_t i = 0; i < count; ++i) state.Absorb(words[i]);
  return state.Finish(uint64_t{count} * 8);
}

}  // namespace coretrack
