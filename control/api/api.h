// Api: the routes. What comes in is an HttpRequest, what goes out a Reply; no sockets here.
//
// Threads  The API thread, but for ready(), which any thread may ask.
// Rules    Reading is allowed everywhere; DELETE, PATCH and POST only where request.may_write.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "control/api/config_access.h"
#include "control/api/heartbeats.h"
#include "control/api/http.h"
#include "control/api/metrics.h"
#include "control/api/state_routes.h"
#include "dataplane/worker/dataplane.h"

namespace coretrack {

class Api {
 public:
  // Both outlive this.
  Api(Dataplane* dataplane, ConfigAccess* config);

  Reply Handle(const HttpRequest& request);
  // Call it once a second: heartbeats, rates, and the identity that /metrics shows.
  void Tick(std::chrono::steady_clock::time_point now);
  // Every worker's poll loop turns.
  bool ready() const { return heartbeats_.all_alive(); }

 private:
  Reply Get(const HttpRequest& request);
  Reply Write(const HttpRequest& request);
  HttpResponse PatchConfig(const std::string& body);
  HttpResponse ReloadConfig();
  std::string Status() const;

  struct Totals {
    uint64_t received = 0, forwarded = 0, dropped = 0, flows_created = 0;
  };
  Totals ReadTotals() const;

  Dataplane* const dataplane_;
  ConfigAccess* const config_;
  const uint64_t start_us_;
  Heartbeats heartbeats_;
  Metrics metrics_;
  IdentityCheck check_;
  Identity identity_;
  Totals totals_;
  Rates rates_;
  std::chrono::steady_clock::time_point ticked_;
};

}  // namespace coretrack
