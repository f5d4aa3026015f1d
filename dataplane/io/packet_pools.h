// PacketPools: one pool of packet buffers per NUMA socket that has a port.
//
// Layout   Every buffer holds the largest frame of any port, so that nothing we receive is in
//          several segments unless the device makes it so.
// Threads  Made and destroyed while no worker runs; the pools themselves are DPDK's.
// Errors   kResourceExhausted with the parameter to raise.
#pragma once

#include <cstdint>
#include <map>

#include "absl/status/statusor.h"

struct rte_mempool;

namespace coretrack {

class PacketPools {
 public:
  // Kept back by each lcore for itself.
  static constexpr uint32_t kCachePackets = 256;

  PacketPools(uint32_t packets, uint32_t largest_mtu_bytes);
  ~PacketPools();
  PacketPools(const PacketPools&) = delete;
  PacketPools& operator=(const PacketPools&) = delete;

  // The pool of a socket, made when first asked for; a negative socket (a virtual device) means the
  // caller's own.
  absl::StatusOr<rte_mempool*> Of(int socket);

 private:
  uint32_t packets_;
  uint16_t buffer_bytes_;
  std::map<int, rte_mempool*> pools_;
};

}  // namespace coretrack
