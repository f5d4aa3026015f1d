// RSS: makes the NIC place packets as OwnerMap does, as far as it can.
//
// What for  A packet that arrives on its owner's queue is never handed over. It is an optimization
//           and no more: what the NIC does otherwise, the workers correct.
// Choice    The plain Toeplitz function with a key that repeats 16 bits is symmetric by itself and
//           equals OwnerMap. The "symmetric Toeplitz" function that some NICs offer besides sorts
//           or folds in ways of their own, and OwnerMap could not follow it: not used.
// Threads   Start only.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/worker/owner.h"

struct rte_eth_dev_info;

namespace coretrack {

// Flow types that we hash and the device offers.
uint64_t RssTypes(const rte_eth_dev_info& info);
// `pattern` repeated over the key length that the device names.
std::vector<uint8_t> RssKey(uint16_t pattern, uint32_t bytes);

// How many entries OwnerMap takes so that it fits a redirection table of this size: its size, or
// its largest part that does.
uint32_t OwnerEntries(uint32_t reta_entries);

// Points the redirection table of a started port at `queues` queues. False: it has none to set.
bool WriteRedirection(uint16_t port, uint32_t reta_entries, uint32_t queues,
                      const OwnerMap& owners);

// Does the port say that it uses this key for TCP?
bool HashesWith(uint16_t port, const std::vector<uint8_t>& key);

}  // namespace coretrack
