#include "dataplane/io/rss.h"

#include <rte_ethdev.h>

#include <bit>

namespace coretrack {

uint64_t RssTypes(const rte_eth_dev_info& info) {
  return info.flow_type_rss_offloads &
         (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP);
}

std::vector<uint8_t> RssKey(uint16_t pattern, uint32_t bytes) {
  std::vector<uint8_t> key(bytes);
  for (uint32_t i = 0; i < bytes; ++i) {
    key[i] = static_cast<uint8_t>(i % 2 == 0 ? pattern >> 8 : pattern);
  }
  return key;
}

uint32_t OwnerEntries(uint32_t reta_entries) {
  if (reta_entries == 0) return OwnerMap::kMaxEntries;
  // A NIC with an odd number of entries indexes by modulo or not at all; no mask of ours fits it.
  const uint32_t entries = std::bit_floor(reta_entries);
  return entries < OwnerMap::kMaxEntries ? entries : OwnerMap::kMaxEntries;
}

bool WriteRedirection(uint16_t port, uint32_t reta_entries, uint32_t queues,
                      const OwnerMap& owners) {
  if (reta_entries == 0) return false;
  std::vector<rte_eth_rss_reta_entry64> table((reta_entries + RTE_ETH_RETA_GROUP_SIZE - 1) /
                                              RTE_ETH_RETA_GROUP_SIZE);
  for (uint32_t i = 0; i < reta_entries; ++i) {
    rte_eth_rss_reta_entry64& group = table[i / RTE_ETH_RETA_GROUP_SIZE];
    group.mask |= uint64_t{1} << (i % RTE_ETH_RETA_GROUP_SIZE);
    group.reta[i % RTE_ETH_RETA_GROUP_SIZE] =
        static_cast<uint16_t>(owners.WorkerOfEntry(i) % queues);
  }
  return rte_eth_dev_rss_reta_update(port, table.data(), static_cast<uint16_t>(reta_entries)) == 0;
}

bool HashesWith(uint16_t port, const std::vector<uint8_t>& key) {
  if (key.empty()) return false;
  std::vector<uint8_t> read(key.size());
  rte_eth_rss_conf conf{};
  conf.rss_key = read.data();
  conf.rss_key_len = static_cast<uint8_t>(read.size());
  return rte_eth_dev_rss_hash_conf_get(port, &conf) == 0 && read == key &&
         (conf.rss_hf & RTE_ETH_RSS_TCP) != 0;
}

}  // namespace coretrack
