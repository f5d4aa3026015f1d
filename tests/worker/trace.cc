#include "tests/worker/trace.h"

#include <charconv>
#include <map>
#include <sstream>

#include "dataplane/packet/protocols.h"

namespace coretrack::testing {
namespace {

struct Variant {
  const char* name;
  bool ipv6;
  bool client_is_endpoint_1;
  uint32_t client_base;  // added to every number of C's sequence space
  uint32_t server_base;
  bool drop_invalid;
};
constexpr Variant kVariants[] = {
    {"IPv4", false, false, 0, 0, false},
    {"IPv4, other direction, dropping", false, true, 0x12345678, 0x9abcdef0, true},
    {"IPv6, C wraps", true, false, 0xffffff80, 0x40000000, false},
    {"IPv4, both wrap", false, true, 0xffffff98, 0xfffffed0, false},
    {"IPv6, sign changes", true, true, 0x7fffff90, 0x7ffffecf, true},
};

uint64_t ParseNumber(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw std::invalid_argument("no number: " + std::string(text));
  return value;
}

uint64_t ParseTimeUs(std::string_view text) {
  const size_t unit_at = text.find_first_not_of("0123456789.");
  const std::string_view unit = unit_at == text.npos ? "" : text.substr(unit_at);
  static const std::map<std::string_view, double> kUnits = {
      {"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"h", 3600e6}, {"d", 86400e6}};
  const auto found = kUnits.find(unit);
  if (found == kUnits.end()) throw std::invalid_argument("no time: " + std::string(text));
  return static_cast<uint64_t>(std::stod(std::string(text.substr(0, unit_at))) * found->second +
                               0.5);
}

uint8_t ParseFlags(std::string_view text) {
  using namespace tcp_flag;
  static const std::map<std::string_view, uint8_t> kFlags = {
      {"FIN", kFin}, {"SYN", kSyn}, {"RST", kRst}, {"PSH", kPsh},
      {"ACK", kAck}, {"URG", kUrg}, {"ECE", kEce}, {"CWR", kCwr}};
  if (text == "-") return 0;
  uint8_t flags = 0;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const auto found = kFlags.find(text.substr(0, comma));
    if (found == kFlags.end()) throw std::invalid_argument("no flag: " + std::string(text));
    flags |= found->second;
    text = comma == text.npos ? "" : text.substr(comma + 1);
  }
  return flags;
}

std::pair<uint32_t, uint32_t> ParsePair(std::string_view text) {
  const size_t comma = text.find(',');
  const auto first = static_cast<uint32_t>(ParseNumber(text.substr(0, comma)));
  return {first,
          comma == text.npos ? 0 : static_cast<uint32_t>(ParseNumber(text.substr(comma + 1)))};
}

Bytes ParseHex(std::string_view text) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

class Runner {
 public:
  Runner(const TraceOptions& options, const Variant& variant)
      : variant_(variant), harness_(OptionsFor(options, variant)) {}

  void Line(const std::string& line);
  const Harness& harness() const { return harness_; }
  const FlowRecord& last_flow() const { return last_flow_; }

 private:
  static Pipeline::Options OptionsFor(const TraceOptions& options, const Variant& variant) {
    Pipeline::Options o = Harness::SmallOptions();
    o.tunables = options.tunables;
    o.exact_ends = true;  // scripts say to the millisecond when a flow is gone
    o.tunables.drop_invalid = variant.drop_invalid;
    return o;
  }

  void Segment(bool from_client, std::vector<std::string> words);
  void Expect(std::istringstream& in, const std::string& word);
  void Finish();
  // A number of `space`'s sequence space as the script wrote it.
  uint32_t Number(std::string_view text, bool client_space) const;
  std::optional<FlowRecord> Flow() const;
  uint64_t DeadlineMs(const FlowRecord& flow) const {
    return harness_.now().unix_us / 1000 + flow.timeout_ms;
  }
  const EndpointRecord& Client(const FlowRecord& flow) const {
    return flow.originator.port == kClientPort ? flow.originator : flow.responder;
  }
  const EndpointRecord& Server(const FlowRecord& flow) const {
    return flow.originator.port == kClientPort ? flow.responder : flow.originator;
  }
  static std::string_view StateName(const EndpointRecord& endpoint) {
    return endpoint.state ? tcp::Name(*endpoint.state) : "no state";
  }

  static constexpr uint16_t kClientPort = 40000, kServerPort = 80;
  const Variant& variant_;
  Harness harness_;
  uint32_t client_next_ = 0;  // as the script counts
  uint32_t server_next_ = 0;
  std::array<bool, 2> has_sent_{};  // C, S
  std::vector<uint16_t> vlan_;
  std::map<std::vector<uint16_t>, FlowId> ids_;  // by VLAN
  FlowRecord last_flow_;
  // Of the line at hand.
  bool is_segment_ = false;
  bool expect_new_ = false;
  std::string expect_invalid_;
  std::vector<std::string> expect_ends_;
  std::optional<FlowRecord> before_;
  uint64_t before_deadline_ms_ = 0;
  Verdict verdict_ = Verdict::kForward;
};

uint32_t Runner::Number(std::string_view text, bool client_space) const {
  const uint32_t next = client_space ? client_next_ : server_next_;
  if (text.front() == '+') return next + static_cast<uint32_t>(ParseNumber(text.substr(1)));
  if (text.front() == '-') return next - static_cast<uint32_t>(ParseNumber(text.substr(1)));
  return static_cast<uint32_t>(ParseNumber(text));
}

void Runner::Segment(bool from_client, std::vector<std::string> words) {
  TcpFields tcp;
  tcp.source_port = from_client ? kClientPort : kServerPort;
  tcp.destination_port = from_client ? kServerPort : kClientPort;
  tcp.flags = ParseFlags(words.at(0));
  uint32_t& next = from_client ? client_next_ : server_next_;
  const uint32_t own_base = from_client ? variant_.client_base : variant_.server_base;
  const uint32_t peer_base = from_client ? variant_.server_base : variant_.client_base;
  uint32_t seq = next, ack = from_client ? server_next_ : client_next_, length = 0, cut = 0;
  std::optional<uint32_t> raw_seq, raw_ack;
  std::optional<unsigned> data_offset;
  bool stray = false, bad_checksum = false;
  std::vector<Bytes> options;
  vlan_.clear();
  for (size_t i = 1; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    const std::string key = words[i].substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : words[i].substr(equals + 1);
    if (key == "seq")
      seq = Number(value, from_client);
    else if (key == "ack")
      ack = Number(value, !from_client);
    else if (key == "rawseq")
      raw_seq = static_cast<uint32_t>(ParseNumber(value));
    else if (key == "rawack")
      raw_ack = static_cast<uint32_t>(ParseNumber(value));
    else if (key == "len")
      length = static_cast<uint32_t>(ParseNumber(value));
    else if (key == "win")
      tcp.window = static_cast<uint16_t>(ParseNumber(value));
    else if (key == "mss")
      options.push_back(MssOption(static_cast<uint16_t>(ParseNumber(value))));
    else if (key == "ws")
      options.push_back(WindowScaleOption(static_cast<uint8_t>(ParseNumber(value))));
    else if (key == "ts")
      options.push_back(TimestampsOption(ParsePair(value).first, ParsePair(value).second));
    else if (key == "sackok")
      options.push_back(SackPermittedOption());
    else if (key == "sack") {
      Bytes sack = {1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0};
      Set32(&sack, 4, ParsePair(value).first + peer_base);
      Set32(&sack, 8, ParsePair(value).second + peer_base);
      options.push_back(sack);
    } else if (key == "vlan") {
      const auto [outer, inner] = ParsePair(value);
      vlan_.push_back(static_cast<uint16_t>(outer));
      if (inner != 0) vlan_.push_back(static_cast<uint16_t>(inner));
    } else if (key == "cut")
      cut = static_cast<uint32_t>(ParseNumber(value));
    else if (key == "doff")
      data_offset = static_cast<unsigned>(ParseNumber(value));
    else if (key == "opt")
      options.push_back(ParseHex(value));
    else if (key == "badsum")
      bad_checksum = true;
    else if (key == "stray")
      stray = true;
    else
      throw std::invalid_argument("no such field: " + words[i]);
  }
  const bool has_sent = has_sent_[from_client ? 0 : 1];
  if (!stray) has_sent_[from_client ? 0 : 1] = true;
  const bool syn = (tcp.flags & tcp_flag::kSyn) != 0;
  const bool fin = (tcp.flags & tcp_flag::kFin) != 0;
  if (!stray && (syn || !has_sent || (seq == next && !raw_seq)))
    next = seq + length + (syn ? 1 : 0) + (fin ? 1 : 0);
  tcp.seq = raw_seq.value_or(seq + own_base);
  const bool has_ack = (tcp.flags & tcp_flag::kAck) != 0;
  tcp.ack = raw_ack.value_or(has_ack ? ack + peer_base : 0);
  tcp.options = Join(options);

  PacketBuilder builder;
  builder.Ethernet();
  for (const uint16_t vlan : vlan_) builder.Vlan(vlan);
  const bool from_endpoint_1 = from_client == variant_.client_is_endpoint_1;
  if (variant_.ipv6) {
    builder.Ipv6(from_endpoint_1 ? "2001:db8::2" : "2001:db8::1",
                 from_endpoint_1 ? "2001:db8::1" : "2001:db8::2");
  } else {
    builder.Ipv4(from_endpoint_1 ? "10.0.0.2" : "10.0.0.1",
                 from_endpoint_1 ? "10.0.0.1" : "10.0.0.2");
  }
  builder.Tcp(tcp);
  const size_t tcp_at = builder.Offset(2 + vlan_.size());
  Harness::Frame frame{.bytes = builder.Payload(length).Build()};
  if (data_offset) Set8(&frame.bytes, tcp_at + 12, *data_offset << 4);
  if (bad_checksum) Set8(&frame.bytes, tcp_at + 16, frame.bytes[tcp_at + 16] ^ 0x55);
  frame.wire_bytes = static_cast<uint32_t>(frame.bytes.size());
  if (cut != 0) frame.bytes.resize(cut);

  before_ = Flow();
  if (before_) before_deadline_ms_ = DeadlineMs(*before_);
  verdict_ = harness_.Send(frame);
}

std::optional<FlowRecord> Runner::Flow() const {
  for (const FlowRecord& flow : harness_.Live()) {
    const std::vector<uint16_t> vlan(flow.vlan.begin(), flow.vlan.begin() + flow.vlan_count);
    if (vlan == vlan_) return flow;
  }
  return std::nullopt;
}

void Runner::Expect(std::istringstream& in, const std::string& word) {
  const auto flow = Flow();
  std::string a, b;
  if (word == "=") {
    in >> a;
    if (a == "none") {
      EXPECT_FALSE(flow) << "there is a flow";
      return;
    }
    in >> b;
    ASSERT_TRUE(flow) << "there is no flow";
    EXPECT_EQ(a + " " + b,
              std::string(StateName(Client(*flow))) + " " + std::string(StateName(Server(*flow))));
  } else if (word == "!") {
    in >> expect_invalid_;
  } else if (word == "timeout") {
    in >> a;
    ASSERT_TRUE(flow) << "there is no flow";
    EXPECT_EQ(flow->timeout_ms, ParseTimeUs(a) / 1000) << "timeout in ms";
  } else if (word == "new") {
    in >> a;
    expect_new_ = true;
  } else if (word == "end") {
    in >> a;
    expect_ends_.push_back(a);
  } else if (word == "originator") {
    in >> a;
    ASSERT_TRUE(flow) << "there is no flow";
    EXPECT_EQ(flow->originator.port == kClientPort ? "C" : "S", a) << "originator";
  } else {
    throw std::invalid_argument("no such expectation: " + word);
  }
}

void Runner::Finish() {
  const auto flow = Flow();
  if (flow) {
    const auto known = ids_.find(vlan_);
    const bool another = known != ids_.end() && !(known->second == flow->id);
    EXPECT_EQ(another, expect_new_) << "another flow than before";
    ids_[vlan_] = flow->id;
    last_flow_ = *flow;
  } else if (expect_new_) {
    ADD_FAILURE() << "expected another flow, there is none";
  }
  if (!flow && !harness_.ends.empty()) last_flow_ = harness_.ends.back();
  std::vector<std::string> ends;
  for (const FlowRecord& end : harness_.ends) ends.emplace_back(Name(end.end));
  EXPECT_EQ(ends, expect_ends_) << "flows that ended";
  const std::vector<std::string> invalids = expect_invalid_.empty()
                                                ? std::vector<std::string>{}
                                                : std::vector<std::string>{expect_invalid_};
  EXPECT_EQ(harness_.invalids, invalids) << "judged invalid";
  const bool dropped = is_segment_ && verdict_ != Verdict::kForward;
  EXPECT_EQ(dropped, is_segment_ && !invalids.empty() && variant_.drop_invalid) << "verdict";
  if (!expect_invalid_.empty() && before_) {
    ASSERT_TRUE(flow) << "an invalid segment ended the flow";
    EXPECT_EQ(StateName(before_->originator), StateName(flow->originator)) << "originator moved";
    EXPECT_EQ(StateName(before_->responder), StateName(flow->responder)) << "responder moved";
    EXPECT_EQ(before_deadline_ms_, DeadlineMs(*flow)) << "the deadline moved";
  }
  harness_.ends.clear();
  harness_.invalids.clear();
  harness_.changes.clear();
}

void Runner::Line(const std::string& line) {
  std::istringstream in(line.substr(0, line.find('#')));
  std::string word;
  if (!(in >> word)) return;
  is_segment_ = word == "C>S" || word == "S>C";
  expect_new_ = false;
  expect_invalid_.clear();
  expect_ends_.clear();
  before_.reset();
  const auto starts_expectation = [](const std::string& w) {
    return w == "=" || w == "!" || w == "timeout" || w == "new" || w == "end" || w == "originator";
  };
  bool more = true;
  if (is_segment_) {
    const bool from_client = word == "C>S";
    std::vector<std::string> words;
    while ((more = static_cast<bool>(in >> word)) && !starts_expectation(word))
      words.push_back(word);
    Segment(from_client, words);
  } else if (word.front() == '+') {
    harness_.Advance(ParseTimeUs(word.substr(1)));
    more = static_cast<bool>(in >> word);
  }
  for (; more; more = static_cast<bool>(in >> word)) Expect(in, word);
  Finish();
}

}  // namespace

void RunTrace(std::string_view script, const TraceOptions& options) {
  for (const Variant& variant : kVariants) {
    SCOPED_TRACE(variant.name);
    Runner runner(options, variant);
    std::istringstream in{std::string(script)};
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      SCOPED_TRACE("line " + std::to_string(number) + ": " + line);
      runner.Line(line);
      if (::testing::Test::HasFailure()) return;  // what follows would only repeat it
    }
    if (options.inspect) options.inspect(runner.last_flow(), runner.harness());
  }
}

}  // namespace coretrack::testing
