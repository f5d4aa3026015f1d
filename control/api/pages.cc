#include "control/api/pages.h"

namespace coretrack {

std::string_view FrontPage() {
  return R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>coretrack</title>
<style>body{font:16px/1.6 system-ui,sans-serif;max-width:40em;margin:3em auto;padding:0 1em}</style>
</head><body><h1>coretrack</h1>
<p>This daemon tracks the connections that pass through it. Reading is allowed here, writing over the unix socket.</p>
<ul>
<li><a href="/api/v1/status">/api/v1/status</a>, <a href="/api/v1/stats">stats</a>,
<a href="/api/v1/workers">workers</a>, <a href="/api/v1/ports">ports</a>,
<a href="/api/v1/drops">drops</a>, <a href="/api/v1/config">config</a></li>
<li><a href="/api/v1/flows?limit=100">/api/v1/flows?limit=100</a>, also with state=, src=, dst=, host=, sport=, dport=,
port=, proto=, vlan=, zone=; not.src= and so on exclude</li>
<li><a href="/metrics">/metrics</a>, <a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a></li>
<li><a href="/openapi.json">/openapi.json</a> describes all of it</li>
</ul></body></html>
)html";
}

std::string_view OpenApi() {
  return R"json({
"openapi":"3.0.3",
"info":{"title":"coretrack","version":"1","description":"Flows, counters and configuration of a running coretrackd. The unix socket allows everything, the TCP listener reading only. Errors are {\"error\":text,\"fix\":text}."},
"paths":{
"/api/v1/status":{"get":{"summary":"The daemon at a glance","responses":{"200":{"$ref":"#/components/responses/Object"}}}},
"/api/v1/stats":{"get":{"summary":"Sums over all workers, with received = forwarded + dropped + in_flight + unaccounted","responses":{"200":{"$ref":"#/components/responses/Object"}}}},
"/api/v1/workers":{"get":{"summary":"Every worker with its counters","responses":{"200":{"$ref":"#/components/responses/Array"}}}},
"/api/v1/ports":{"get":{"summary":"Every port with its device's counters","responses":{"200":{"$ref":"#/components/responses/Array"}}}},
"/api/v1/drops":{"get":{"summary":"Packets not sent on, not tracked, malformed, invalid, by reason","responses":{"200":{"$ref":"#/components/responses/Object"}}}},
"/api/v1/config":{
 "get":{"summary":"Every parameter: value, range, default, help","responses":{"200":{"description":"Parameters","content":{"application/json":{"schema":{}}}}}},
 "patch":{"summary":"Change parameters of the running daemon (unix socket)","requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","additionalProperties":true},"example":{"timeouts.msl":"30s"}}}},"responses":{"200":{"$ref":"#/components/responses/Object"},"400":{"$ref":"#/components/responses/Error"},"403":{"$ref":"#/components/responses/Error"}}}},
"/api/v1/config/reload":{"post":{"summary":"Read the configuration file again (unix socket)","responses":{"200":{"$ref":"#/components/responses/Object"},"400":{"$ref":"#/components/responses/Error"},"403":{"$ref":"#/components/responses/Error"}}}},
"/api/v1/flows":{
 "parameters":[
  {"name":"state","in":"query","description":"TCP state of either endpoint. Every filter may be repeated (or) and negated (not.state); different filters are and","schema":{"type":"array","items":{"$ref":"#/components/schemas/State"}}},
  {"name":"src","in":"query","description":"CIDR of the originator","schema":{"type":"array","items":{"type":"string"}}},
  {"name":"dst","in":"query","description":"CIDR of the responder","schema":{"type":"array","items":{"type":"string"}}},
  {"name":"host","in":"query","description":"CIDR of either","schema":{"type":"array","items":{"type":"string"}}},
  {"name":"sport","in":"query","description":"Port or range of the originator","schema":{"type":"array","items":{"type":"string"}}},
  {"name":"dport","in":"query","description":"Port or range of the responder","schema":{"type":"array","items":{"type":"string"}}},
  {"name":"port","in":"query","description":"Port or range of either","schema":{"type":"array","items":{"type":"string"}}},
  {"name":"proto","in":"query","description":"tcp, udp, icmp, icmpv6, sctp or a number","schema":{"type":"array","items":{"type":"string"}}},
  {"name":"vlan","in":"query","description":"A VLAN tag, or none","schema":{"type":"array","items":{"type":"string"}}},
  {"name":"zone","in":"query","schema":{"type":"array","items":{"type":"integer","minimum":0,"maximum":7}}}],
 "get":{"summary":"Flows, one JSON object a line","parameters":[
  {"name":"limit","in":"query","description":"At most so many; without it all of them, streamed","schema":{"type":"integer","minimum":1,"maximum":10000}},
  {"name":"cursor","in":"query","description":"Where the page before ended: its Coretrack-Cursor header","schema":{"type":"string"}},
  {"name":"sort","in":"query","description":"The largest, oldest or longest silent first; 100 unless limit says otherwise","schema":{"type":"string","enum":["bytes","packets","age","idle"]}},
  {"name":"count","in":"query","description":"Answer {\"count\":N} instead","schema":{"type":"boolean"}}],
  "responses":{"200":{"description":"Flows","headers":{"Coretrack-Cursor":{"description":"Of the next page, when the limit was hit","schema":{"type":"string"}}},"content":{"application/x-ndjson":{"schema":{"$ref":"#/components/schemas/Flow"}}}},"400":{"$ref":"#/components/responses/Error"}}},
 "delete":{"summary":"Delete the flows that match (unix socket); all=true for every flow","responses":{"200":{"$ref":"#/components/responses/Object"},"400":{"$ref":"#/components/responses/Error"},"403":{"$ref":"#/components/responses/Error"},"503":{"$ref":"#/components/responses/Error"}}}},
"/api/v1/flows/{id}":{
 "parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string","pattern":"^[0-9a-f]{16}$"}}],
 "get":{"summary":"One flow","responses":{"200":{"description":"The flow","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Flow"}}}},"404":{"$ref":"#/components/responses/Error"}}},
 "delete":{"summary":"Delete one flow (unix socket)","responses":{"200":{"$ref":"#/components/responses/Object"},"403":{"$ref":"#/components/responses/Error"},"404":{"$ref":"#/components/responses/Error"}}}},
"/metrics":{"get":{"summary":"Prometheus text format","responses":{"200":{"description":"Metrics","content":{"text/plain":{"schema":{"type":"string"}}}}}}},
"/healthz":{"get":{"summary":"200 while every worker's poll loop turns","responses":{"200":{"description":"ok"},"503":{"$ref":"#/components/responses/Error"}}}},
"/readyz":{"get":{"summary":"200 once packets are handled","responses":{"200":{"description":"ok"},"503":{"$ref":"#/components/responses/Error"}}}},
"/openapi.json":{"get":{"summary":"This","responses":{"200":{"$ref":"#/components/responses/Object"}}}}
},
"components":{
"responses":{
 "Object":{"description":"A JSON object","content":{"application/json":{"schema":{"type":"object"}}}},
 "Array":{"description":"A JSON array","content":{"application/json":{"schema":{"type":"array","items":{"type":"object"}}}}},
 "Error":{"description":"What went wrong, and what to do","content":{"application/json":{"schema":{"type":"object","required":["error","fix"],"properties":{"error":{"type":"string"},"fix":{"type":"string"}}}}}}},
"schemas":{
 "State":{"type":"string","enum":["CLOSED","LISTEN","SYN_SENT","SYN_RCVD","ESTABLISHED","FIN_WAIT_1","FIN_WAIT_2","CLOSE_WAIT","CLOSING","LAST_ACK","TIME_WAIT"]},
 "Both":{"type":"object","properties":{"originator":{"type":"integer"},"responder":{"type":"integer"}}},
 "Endpoint":{"type":"object","properties":{"address":{"type":"string"},"port":{"type":"integer"},"state":{"nullable":true,"allOf":[{"$ref":"#/components/schemas/State"}]},"packets":{"type":"integer"},"bytes":{"type":"integer","description":"IP layer"},"mss":{"type":"integer","nullable":true},"window_scale":{"type":"integer","nullable":true},"timestamps":{"type":"boolean","nullable":true},"sack":{"type":"boolean","nullable":true}}},
 "Flow":{"type":"object","properties":{"id":{"type":"string"},"worker":{"type":"integer"},"proto":{"type":"string"},"vlan":{"type":"array","items":{"type":"integer"}},"originator":{"$ref":"#/components/schemas/Endpoint"},"responder":{"$ref":"#/components/schemas/Endpoint"},"start":{"type":"string","format":"date-time"},"last":{"type":"string","format":"date-time"},"timeout_ms":{"type":"integer"},"assured":{"type":"boolean"},"midstream":{"type":"boolean"},"end":{"type":"string","enum":["active","closed","reset","timeout","evicted","deleted"]},"history":{"type":"string"},"handshake_rtt_us":{"type":"object","properties":{"originator":{"type":"integer","nullable":true},"responder":{"type":"integer","nullable":true}}},"retransmits":{"type":"integer"},"out_of_window":{"type":"integer"},"zone":{"type":"integer"},"originator_guessed":{"type":"boolean"},"time_wait":{"type":"object","properties":{"fin_again":{"type":"integer"},"old_duplicates":{"type":"integer"}}},"retransmits_by":{"$ref":"#/components/schemas/Both"},"out_of_window_by":{"$ref":"#/components/schemas/Both"},"provisional":{"type":"object","properties":{"originator":{"type":"boolean"},"responder":{"type":"boolean"}}},"related_icmp":{"type":"integer"}}}
}}}
)json";
}

}  // namespace coretrack
