#include "dataplane/packet/flow_hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <set>
#include <vector>

namespace coretrack {
namespace {

// SipHash-c-d byte by byte as the paper words it (section 2): slow, and for any length, so that it
// can be held against published vectors.
uint64_t SlowSipHash(int c, int d, uint64_t k0, uint64_t k1, std::vector<uint8_t> message) {
  uint64_t v[4] = {k0 ^ 0x736f6d6570736575ull, k1 ^ 0x646f72616e646f6dull,
                   k0 ^ 0x6c7967656e657261ull, k1 ^ 0x7465646279746573ull};
  const auto half_round = [&v](int a, int b, int e, int f, int s, int t) {
    v[a] += v[b];
    v[e] += v[f];
    v[b] = std::rotl(v[b], s);
    v[f] = std::rotl(v[f], t);
    v[b] ^= v[a];
    v[f] ^= v[e];
    v[a] = std::rotl(v[a], 32);
  };
  const auto rounds = [&](int count) {
    for (; count > 0; --count) {
      half_round(0, 1, 2, 3, 13, 16);
      half_round(2, 1, 0, 3, 17, 21);
    }
  };
  const auto length = static_cast<uint8_t>(message.size());
  while (message.size() % 8 != 7) message.push_back(0);
  message.push_back(length);
  for (size_t at = 0; at < message.size(); at += 8) {
    uint64_t word = 0;
    for (size_t i = 8; i-- > 0;) word = word << 8 | message[at + i];
    v[3] ^= word;
    rounds(c);
    v[0] ^= word;
  }
  v[2] ^= 0xff;
  rounds(d);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

constexpr uint64_t kK0 = 0x0706050403020100, kK1 = 0x0f0e0d0c0b0a0908;  // bytes 00 01 .. 0f

std::vector<uint8_t> CountingBytes(size_t count) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

std::vector<uint8_t> BytesOf(const std::vector<uint64_t>& words) {
  std::vector<uint8_t> bytes;
  for (const uint64_t word : words) {
    for (int shift = 0; shift < 64; shift += 8) bytes.push_back(word >> shift & 0xff);
  }
  return bytes;
}

// The published vectors of SipHash-2-4 (appendix A of the paper, and the first of its authors'
// list) hold the slow implementation; with other round counts it is the judge below.
TEST(FlowHash, TheSlowSipHashIsSipHash) {
  EXPECT_EQ(SlowSipHash(2, 4, kK0, kK1, CountingBytes(15)), 0xa129ca6149be45e5);
  EXPECT_EQ(SlowSipHash(2, 4, kK0, kK1, {}), 0x726fdb47dd0e0e31);
  EXPECT_EQ(SlowSipHash(1, 3, kK0, kK1, {}), 0xabac0158050fc4dc);
}

TEST(FlowHash, SipHash13OfEveryLength) {
  std::mt19937_64 random(1);
  EXPECT_EQ(SipHash13({kK0, kK1}, {}), 0xabac0158050fc4dc);
  for (uint32_t words = 0; words <= 40; ++words) {
    std::vector<uint64_t> message(words);
    for (uint64_t& word : message) word = random();
    const HashSecret secret{random(), random()};
    std::vector<uint8_t> bytes = BytesOf(message);
    EXPECT_EQ(SipHash13(secret, message), SlowSipHash(1, 3, secret.k0, secret.k1, bytes));
    uint64_t rest = 0;
    for (uint32_t behind = 1; behind < 8; ++behind) {
      const auto byte = static_cast<uint8_t>(random());
      rest |= uint64_t{byte} << 8 * (behind - 1);
      bytes.push_back(byte);
      EXPECT_EQ(SipHash13(secret, message, rest, behind),
                SlowSipHash(1, 3, secret.k0, secret.k1, bytes));
    }
  }
}

FlowKey RandomKey(std::mt19937_64& random, bool ipv6) {
  FlowKey key;
  for (int i = 0; i < (ipv6 ? 4 : 1); ++i) key.address[i] = random();
  key.ports = static_cast<uint32_t>(random());
  key.context = static_cast<uint32_t>(random());
  key.zone = random() % 8;
  key.ipv6 = ipv6;
  return key;
}

TEST(FlowHash, HashesTheWordsThatTheHeaderPromises) {
  std::mt19937_64 random(2);
  const HashSecret secret{random(), random()};
  for (int i = 0; i < 1000; ++i) {
    const FlowKey key = RandomKey(random, i % 2 == 1);
    std::vector<uint64_t> words = {key.address[0]};
    if (key.ipv6) words.assign(key.address.begin(), key.address.end());
    words.push_back(key.ports | uint64_t{key.context} << 32);
    const uint64_t place = key.zone | uint64_t{key.ipv6} << 8;
    EXPECT_EQ(HashOf(secret, key).value, SipHash13(secret, words, place, 2) | 1);
  }
}

TEST(FlowHash, OfAnIpv4KeyOneAddressWordCounts) {
  std::mt19937_64 random(3);
  const HashSecret secret{random(), random()};
  const FlowKey key = RandomKey(random, false);
  FlowKey same = key;
  for (size_t word = 1; word < same.address.size(); ++word) same.address[word] = random();
  EXPECT_EQ(same, key);
  EXPECT_EQ(HashOf(secret, same), HashOf(secret, key));
  same.address[0] ^= 1;
  EXPECT_FALSE(same == key);
}

TEST(FlowHash, ABurstHashesLikeItsKeys) {
  std::mt19937_64 random(5);
  const HashSecret secret{random(), random()};
  KeyWords words{};
  std::array<FlowHash, kMaxBurst> hashes;
  for (const int ipv6_of_ten : {0, 1, 5, 10}) {
    for (uint32_t count = 0; count <= 64; ++count) {
      std::vector<FlowKey> keys(count);
      for (FlowKey& key : keys) {
        key = RandomKey(random, static_cast<int>(random() % 10) < ipv6_of_ten);
      }
      words.Clear();
      for (uint32_t i = 0; i < count; ++i) words.Set(i, keys[i]);
      const uint32_t middle = count / 2 / 8 * 8;
      HashBurst(secret, words, 0, middle, hashes.data());
      HashBurst(secret, words, middle, count, hashes.data());
      for (uint32_t i = 0; i < count; ++i) {
        ASSERT_EQ(hashes[i], HashOf(secret, keys[i])) << i << " of " << count;
      }
    }
  }
}

TEST(FlowHash, EveryFieldAndTheSecretCount) {
  std::mt19937_64 random(3);
  const HashSecret secret{random(), random()};
  const FlowKey key = RandomKey(random, true);
  std::vector<FlowKey> keys(9, key);
  for (int i = 0; i < 4; ++i) keys[i].address[i] ^= 1;
  keys[4].ports ^= 1u << 31;
  keys[5].context ^= 1u << 31;
  keys[6].zone ^= 1;
  keys[7].ipv6 = false;
  std::set<uint64_t> hashes;
  for (const FlowKey& k : keys) hashes.insert(HashOf(secret, k).value);
  hashes.insert(HashOf({secret.k0 ^ 1, secret.k1}, key).value);
  hashes.insert(HashOf({secret.k0, secret.k1 ^ 1}, key).value);
  EXPECT_EQ(hashes.size(), keys.size() + 2);
}

// Flipping one bit of the key flips every bit of the hash half of the time; but for the one that is always set.
TEST(FlowHash, Avalanche) {
  std::mt19937_64 random(4);
  const HashSecret secret{random(), random()};
  constexpr int kRounds = 4000;
  std::array<int, 64> flips{};
  for (int round = 0; round < kRounds; ++round) {
    FlowKey key = RandomKey(random, false);
    const uint64_t before = HashOf(secret, key).value;
    key.address[0] ^= uint64_t{1} << random() % 64;
    const uint64_t changed = before ^ HashOf(secret, key).value;
    for (int bit = 0; bit < 64; ++bit) flips[bit] += changed >> bit & 1;
  }
  EXPECT_EQ(flips[0], 0);
  for (int bit = 1; bit < 64; ++bit)
    EXPECT_NEAR(flips[bit], kRounds / 2, 200) << bit;  // over six sigma
}

}  // namespace
}  // namespace coretrack
