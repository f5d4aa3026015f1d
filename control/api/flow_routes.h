// The routes under /api/v1/flows: list, page, sort, count, one, delete.
//
// Answers  NDJSON, one flow a line (query/flow_json.h).
//            neither limit nor sort  all flows, streamed while they are read
//            limit=N                 a page; Coretrack-Cursor names the next one when the limit was
//            hit sort=WORD&limit=N       the first N in that order count=true {"count":N}
// Threads  The API thread. Everything runs in slices of kSliceSlots.
// Limits   A page or a sorted answer holds TopFlows::kMaxCount flows at most, a streamed one as
// many
//          as there are, in pieces of some kPieceBytes.
#pragma once

#include "control/api/config_access.h"
#include "control/api/http.h"
#include "dataplane/worker/dataplane.h"

namespace coretrack {

inline constexpr uint32_t kSliceSlots = 8192;
inline constexpr size_t kPieceBytes = 1 << 16;

Reply ListFlows(const HttpRequest& request, Dataplane* dataplane, const Tunables& tunables);
Reply ShowFlow(std::string_view id, Dataplane* dataplane, const Tunables& tunables);

// Deletes go down the workers' mailboxes. Answered once the workers have taken them, or after
// kDeleteDeadline without progress (503, saying how many were asked for).
inline constexpr std::chrono::seconds kDeleteDeadline{5};
Reply DeleteFlows(const HttpRequest& request, Dataplane* dataplane, const Tunables& tunables);
Reply DeleteFlow(std::string_view id, Dataplane* dataplane, const Tunables& tunables);

}  // namespace coretrack
