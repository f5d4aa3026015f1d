#include "dataplane/io/packet_pools.h"

#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace coretrack {
namespace {

uint16_t BufferBytes(uint32_t mtu_bytes) {
  // Two VLAN tags and the FCS, which some devices deliver.
  const uint32_t frame_bytes =
      mtu_bytes + RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN + RTE_ETHER_CRC_LEN;
  const uint32_t bytes = RTE_PKTMBUF_HEADROOM + (frame_bytes + 127) / 128 * 128;
  return static_cast<uint16_t>(std::max<uint32_t>(bytes, RTE_MBUF_DEFAULT_BUF_SIZE));
}

}  // namespace

PacketPools::PacketPools(uint32_t packets, uint32_t largest_mtu_bytes)
    : packets_(packets), buffer_bytes_(BufferBytes(largest_mtu_bytes)) {}

PacketPools::~PacketPools() {
  for (const auto& [socket, pool] : pools_) rte_mempool_free(pool);
}

absl::StatusOr<rte_mempool*> PacketPools::Of(int socket) {
  if (socket < 0) socket = static_cast<int>(rte_socket_id());
  if (const auto it = pools_.find(socket); it != pools_.end()) return it->second;
  const std::string name = absl::StrCat("packets_", socket);
  rte_mempool* pool = rte_pktmbuf_pool_create(
      name.c_str(), packets_, std::min(kCachePackets, packets_ / 4), 0, buffer_bytes_, socket);
  if (pool == nullptr) {
    const uint64_t bytes = uint64_t{packets_} * (buffer_bytes_ + sizeof(rte_mbuf) + 64);
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for ", packets_, " packet buffers of ", buffer_bytes_,
                     " bytes on NUMA socket ", socket, " (", rte_strerror(rte_errno), "): about ",
                     (bytes >> 20) + 1, " MiB; raise memory.size or lower memory.packet_buffers"));
  }
  pools_[socket] = pool;
  return pool;
}

}  // namespace coretrack
