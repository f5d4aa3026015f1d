#include "dataplane/worker/tcp_binding.h"

namespace coretrack {

void UnpackFacts(const FlowDetail& detail, tcp::Facts* facts) {
  const uint16_t flags = detail.flags;
  for (unsigned d = 0; d < 2; ++d) {
    facts->mss[d] = detail.mss[d];
    facts->offered_scale[d] = (detail.offered_scales >> (4 * d)) & 0xf;
    facts->syn_seen[d] = (flags & detail_flag::SynSeen(d)) != 0;
    facts->sack[d] = (flags & detail_flag::Sack(d)) != 0;
    facts->timestamps[d] = (flags & detail_flag::Timestamps(d)) != 0;
    facts->fin_pending[d] = (flags & detail_flag::FinPending(d)) != 0;
    facts->provisional[d] = (detail.small & detail_small::Provisional(d)) != 0;
  }
  facts->assured = (flags & detail_flag::kAssured) != 0;
  facts->midstream = (flags & detail_flag::kMidstream) != 0;
  facts->rival = (flags & detail_flag::kRival) != 0;
  facts->hole_filled = (flags & detail_flag::kHoleFilled) != 0;
  facts->unanswered = (flags >> detail_flag::kUnansweredShift) & 3;
  facts->retransmitter = (flags & detail_flag::kRetransmitter) != 0;
}

void PackFacts(const tcp::Facts& facts, FlowLine* line, FlowDetail* detail) {
  unsigned flags = 0;
  for (unsigned d = 0; d < 2; ++d) {
    detail->mss[d] = facts.mss[d];
    if (facts.syn_seen[d]) flags |= detail_flag::SynSeen(d);
    if (facts.sack[d]) flags |= detail_flag::Sack(d);
    if (facts.timestamps[d]) flags |= detail_flag::Timestamps(d);
    if (facts.fin_pending[d]) flags |= detail_flag::FinPending(d);
    const uint8_t provisional = detail_small::Provisional(d);
    detail->small = static_cast<uint8_t>(facts.provisional[d] ? detail->small | provisional
                                                              : detail->small & ~provisional);
  }
  detail->offered_scales =
      static_cast<uint8_t>(facts.offered_scale[0] | facts.offered_scale[1] << 4);
  if (facts.hole_filled) flags |= detail_flag::kHoleFilled;
  if (facts.assured) flags |= detail_flag::kAssured;
  if (facts.midstream) flags |= detail_flag::kMidstream;
  if (facts.rival) flags |= detail_flag::kRival;
  if (!facts.mind.empty()) flags |= detail_flag::kInMind;
  if (facts.retransmitter) flags |= detail_flag::kRetransmitter;
  flags |= static_cast<unsigned>(facts.unanswered) << detail_flag::kUnansweredShift;
  detail->flags = static_cast<uint16_t>(flags);

  const bool attention = !facts.assured || facts.fin_pending[0] || facts.fin_pending[1] ||
                         facts.unanswered != 0 || !facts.mind.empty() || facts.rival ||
                         facts.provisional[0] || facts.provisional[1];
  line->zone_flags = static_cast<uint8_t>((line->zone_flags & ~flow_flag::kAttention) |
                                          (attention ? flow_flag::kAttention : 0));
}

}  // namespace coretrack
