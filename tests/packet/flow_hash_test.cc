#include "dataplane/packet/flow_hash.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace coretrack {
namespace {

using aes::Words1;

// Bytes as the standard prints them: the first one first.
Words1 BlockOf(const char* hex) {
  Words1 block{};
  for (int i = 0; i < 16; ++i) {
    const uint64_t byte = std::stoul(std::string(hex + 2 * i, 2), nullptr, 16);
    block[i / 8] |= byte << i % 8 * 8;
  }
  return block;
}
void ExpectEqual(Words1 a, Words1 b) {
  EXPECT_EQ(a[0], b[0]);
  EXPECT_EQ(a[1], b[1]);
}

// FIPS 197, appendices A.1, B and C.1.
TEST(Aes, IsTheStandards) {
  const Words1 key = BlockOf("2b7e151628aed2a6abf7158809cf4f3c");
  ExpectEqual(aes::Expand(key).keys[1], BlockOf("a0fafe1788542cb123a339392a6c7605"));
  ExpectEqual(aes::Expand(key).keys[10], BlockOf("d014f9a8c9ee2589e13f0cc8b6630ca6"));
  ExpectEqual(aes::Encrypt(aes::Expand(key), BlockOf("3243f6a8885a308d313198a2e0370734")),
              BlockOf("3925841d02dc09fbdc118597196a0b32"));
  ExpectEqual(aes::Encrypt(aes::Expand(BlockOf("000102030405060708090a0b0c0d0e0f")),
                           BlockOf("00112233445566778899aabbccddeeff")),
              BlockOf("69c4e0d86a7b0430d8cdb78070b4c55a"));
}

// (Without AES instructions these are the same functions.)
TEST(Aes, InstructionsDoWhatTheSlowRoundsDo) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const Words1 state{random(), random()}, key{random(), random()};
    ExpectEqual(aes::Round(state, key), aes::SlowRound(state, key));
    ExpectEqual(aes::LastRound(state, key), aes::SlowLastRound(state, key));
    ExpectEqual(aes::Product<0x00>(state, key), aes::SlowProduct(state[0], key[0]));
    ExpectEqual(aes::Product<0x11>(state, key), aes::SlowProduct(state[1], key[1]));
  }
}

// (x + 1) (x + 1) = x^2 + 1, for what is twice is nothing; and nothing is lost above the 64th bit.
TEST(Aes, SlowProductsHaveNoCarries) {
  ExpectEqual(aes::SlowProduct(3, 3), Words1{5, 0});
  ExpectEqual(aes::SlowProduct(uint64_t{1} << 63, 6), Words1{0, 3});
  ExpectEqual(aes::SlowProduct(6, uint64_t{1} << 63), Words1{0, 3});
  ExpectEqual(aes::SlowProduct(~uint64_t{0}, 1), Words1{~uint64_t{0}, 0});
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

// What flow_hash.h promises, word by word, without an instruction for it.
uint64_t SlowHash(const HashSecret& secret, const FlowKey& key) {
  const auto encrypt = [](const aes::Schedule& schedule, Words1 block) {
    block ^= schedule.keys[0];
    for (size_t round = 1; round < aes::kRounds; ++round)
      block = aes::SlowRound(block, schedule.keys[round]);
    return aes::SlowLastRound(block, schedule.keys[aes::kRounds]);
  };
  const aes::Schedule draw = aes::Expand(Words1{secret.k0, secret.k1});
  const aes::Schedule schedule = aes::Expand(encrypt(draw, Words1{1, 0}));
  const Words1 s01 = encrypt(draw, Words1{2, 0}), s23 = encrypt(draw, Words1{3, 0});
  const uint64_t s4 = encrypt(draw, Words1{4, 0})[0];
  const uint64_t place = key.zone | uint64_t{key.ipv6} << 8;
  const uint64_t transport = key.ports | uint64_t{key.context} << 32;
  Words1 block = Words1{key.address[0], transport} ^ aes::SlowProduct(place, s4);
  if (key.ipv6) {
    block ^= aes::SlowProduct(key.address[0] ^ s01[0], key.address[1] ^ s01[1]);
    block ^= aes::SlowProduct(key.address[2] ^ s23[0], key.address[3] ^ s23[1]);
  }
  return encrypt(schedule, block)[0] | 1;
}

TEST(FlowHash, IsWhatTheHeaderPromises) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 1000; ++i) {
    const HashSecret secret{random(), random()};
    const FlowKey key = RandomKey(random, i % 2 == 1);
    ASSERT_EQ(FlowHasher(secret).Of(key).value, SlowHash(secret, key));
  }
}

TEST(FlowHash, OfAnIpv4KeyOneAddressWordCounts) {
  std::mt19937_64 random(3);
  const FlowHasher hasher({random(), random()});
  const FlowKey key = RandomKey(random, false);
  FlowKey same = key;
  for (size_t word = 1; word < same.address.size(); ++word) same.address[word] = random();
  EXPECT_EQ(same, key);
  EXPECT_EQ(hasher.Of(same), hasher.Of(key));
  same.address[0] ^= 1;
  EXPECT_FALSE(same == key);
}

TEST(FlowHash, ABurstHashesLikeItsKeys) {
  std::mt19937_64 random(5);
  const FlowHasher hasher({random(), random()});
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
      hasher.OfBurst(words, 0, middle, hashes.data());
      hasher.OfBurst(words, middle, count, hashes.data());
      for (uint32_t i = 0; i < count; ++i) {
        ASSERT_EQ(hashes[i], hasher.Of(keys[i])) << i << " of " << count;
      }
    }
  }
}

TEST(FlowHash, EveryFieldAndTheSecretCount) {
  std::mt19937_64 random(3);
  const HashSecret secret{random(), random()};
  const FlowHasher hasher(secret);
  const FlowKey key = RandomKey(random, true);
  std::vector<FlowKey> keys(9, key);
  for (int i = 0; i < 4; ++i) keys[i].address[i] ^= 1;
  keys[4].ports ^= 1u << 31;
  keys[5].context ^= 1u << 31;
  keys[6].zone ^= 1;
  keys[7].ipv6 = false;
  std::set<uint64_t> hashes;
  for (const FlowKey& k : keys) hashes.insert(hasher.Of(k).value);
  hashes.insert(FlowHasher({secret.k0 ^ 1, secret.k1}).Of(key).value);
  hashes.insert(FlowHasher({secret.k0, secret.k1 ^ 1}).Of(key).value);
  EXPECT_EQ(hashes.size(), keys.size() + 2);
}

// Flipping one bit of the key flips every bit of the hash half of the time; but for the one that is always set.
TEST(FlowHash, Avalanche) {
  std::mt19937_64 random(4);
  const FlowHasher hasher({random(), random()});
  constexpr int kRounds = 4000;
  std::array<int, 64> flips{};
  for (int round = 0; round < kRounds; ++round) {
    FlowKey key = RandomKey(random, false);
    const uint64_t before = hasher.Of(key).value;
    key.address[0] ^= uint64_t{1} << random() % 64;
    const uint64_t changed = before ^ hasher.Of(key).value;
    for (int bit = 0; bit < 64; ++bit) flips[bit] += changed >> bit & 1;
  }
  EXPECT_EQ(flips[0], 0);
  for (int bit = 1; bit < 64; ++bit)
    EXPECT_NEAR(flips[bit], kRounds / 2, 200) << bit;  // over six sigma
}

}  // namespace
}  // namespace coretrack
