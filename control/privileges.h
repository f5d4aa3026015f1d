// Giving up rights that a thread does not need.
#pragma once

#include "absl/status/status.h"

namespace coretrack {

// The calling thread, and threads it starts, have no capabilities from now on and gain none by
// exec().
//
// Why a thread  Capabilities are a thread's own. The API thread is the one that strangers talk to,
// and
//               it needs none: it drops them before it reads the first byte. The main thread keeps
//               its own, since stopping a port may need CAP_NET_ADMIN; it does nothing between
//               start and stop but wait for signals. The systemd unit bounds the whole process.
absl::Status DropCapabilitiesOfThisThread();

}  // namespace coretrack
