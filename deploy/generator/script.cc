#include "deploy/generator/script.h"

#include <array>
#include <utility>

#include "dataplane/packet/packet_meta.h"

namespace coretrack::demo {
namespace {

using namespace tcp_flag;
constexpr uint16_t kMaxPayloadBytes = 1448;

uint32_t Between(uint32_t low, uint32_t high, std::mt19937* random) {
  return std::uniform_int_distribution<uint32_t>(low, high)(*random);
}

class Writer {
 public:
  explicit Writer(std::mt19937* random) : random_(random) {}

  Writer& Client(uint8_t flags, uint16_t payload_bytes = 0) {
    return Add(true, flags, payload_bytes);
  }
  Writer& Server(uint8_t flags, uint16_t payload_bytes = 0) {
    return Add(false, flags, payload_bytes);
  }
  Writer& Pause(uint32_t low_ms, uint32_t high_ms) {
    pause_ms_ += Between(low_ms, high_ms, random_);
    return *this;
  }
  // The last segment crosses the one before it.
  Writer& Crossing() {
    steps_.back().crosses = true;
    return *this;
  }
  Writer& Handshake() { return Client(kSyn).Server(kSyn | kAck).Client(kAck); }
  // A request and its answer of some segments, each acknowledged.
  Writer& Exchange(uint32_t most_segments) {
    Client(kPsh | kAck, static_cast<uint16_t>(Between(80, 400, random_))).Server(kAck);
    const uint32_t segments = Between(1, most_segments, random_);
    for (uint32_t i = 0; i < segments; ++i) Server(kPsh | kAck, kMaxPayloadBytes).Client(kAck);
    return *this;
  }
  std::vector<Step> Take() { return std::move(steps_); }

 private:
  Writer& Add(bool by_client, uint8_t flags, uint16_t payload_bytes) {
    steps_.push_back({by_client, flags, payload_bytes, pause_ms_ + Between(1, 12, random_)});
    pause_ms_ = 0;
    return *this;
  }

  std::mt19937* random_;
  uint32_t pause_ms_ = 0;
  std::vector<Step> steps_;
};

}  // namespace

std::vector<Step> MakeScript(Kind kind, std::mt19937* random) {
  Writer writer(random);
  switch (kind) {
    case Kind::kClientCloses:
      writer.Handshake().Exchange(8).Pause(0, 800);
      writer.Client(kFin | kAck).Server(kAck).Server(kFin | kAck).Client(kAck);
      break;
    case Kind::kServerCloses:
      writer.Handshake().Exchange(8).Server(kFin | kAck).Client(kAck);
      writer.Pause(0, 500).Client(kFin | kAck).Server(kAck);
      break;
    case Kind::kSimultaneousClose:
      writer.Handshake().Exchange(2).Client(kFin | kAck).Server(kFin | kAck).Crossing();
      writer.Client(kAck).Server(kAck);
      break;
    case Kind::kHalfClose:
      writer.Handshake().Client(kPsh | kAck, 200).Server(kAck).Client(kFin | kAck).Server(kAck);
      for (int i = 0; i < 6; ++i) {
        writer.Pause(50, 400).Server(kPsh | kAck, kMaxPayloadBytes).Client(kAck);
      }
      writer.Server(kFin | kAck).Client(kAck);
      break;
    case Kind::kClientResets:
      writer.Handshake().Exchange(4).Pause(0, 300).Client(kRst | kAck);
      break;
    case Kind::kServerResets:
      writer.Handshake().Client(kPsh | kAck, 150).Server(kRst | kAck);
      break;
    case Kind::kRefused:
      writer.Client(kSyn).Server(kRst | kAck);
      break;
    case Kind::kUnanswered:
      writer.Client(kSyn).Pause(1000, 1000).Client(kSyn).Pause(2000, 2000).Client(kSyn);
      break;
    case Kind::kLongLived:
      writer.Handshake();
      for (int i = 0; i < 20; ++i) writer.Exchange(5).Pause(200, 1500);
      writer.Client(kFin | kAck).Server(kFin | kAck).Client(kAck);
      break;
    case Kind::kCount:
      break;
  }
  return writer.Take();
}

Kind PickKind(std::mt19937* random) {
  // In the order of Kind.
  static constexpr std::array<int, static_cast<size_t>(Kind::kCount)> kWeights = {34, 28, 4, 8, 6,
                                                                                  3,  4,  3, 10};
  std::discrete_distribution<int> pick(kWeights.begin(), kWeights.end());
  return static_cast<Kind>(pick(*random));
}

}  // namespace coretrack::demo
