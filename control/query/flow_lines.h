// A flow as one line of CSV, or as `conntrack -L` prints it.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/worker/flow_record.h"

namespace coretrack {

// RFC 4180 fields, without a line end. What was not observed is empty.
std::string_view CsvHeader();
void AppendCsv(const FlowRecord& flow, std::string* out);

// The kernel's one state is derived from ours of both ends (README.md, "conntrack"). Without a line
// end.
void AppendConntrack(const FlowRecord& flow, std::string* out);

}  // namespace coretrack
