#include "control/query/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/query/sample_flows.h"

namespace coretrack {
namespace {

using ::testing::HasSubstr;

// "--src 10.0.0.0/8 --not --dport 80" as terms.
std::vector<FilterTerm> Terms(const std::string& line) {
  std::vector<FilterTerm> terms;
  std::istringstream words(line);
  bool negated = false;
  for (std::string flag, value; words >> flag;) {
    if (flag == "--not") {
      negated = true;
      continue;
    }
    words >> value;
    terms.push_back({.flag = flag.substr(2), .value = value, .negated = negated});
    negated = false;
  }
  return terms;
}

bool Matches(const std::string& line, const FlowRecord& flow) {
  const absl::StatusOr<Filter> filter = Filter::Parse(Terms(line));
  EXPECT_TRUE(filter.ok()) << filter.status();
  return filter.ok() && filter->Matches(flow);
}

std::string Error(const std::string& line) {
  return std::string(Filter::Parse(Terms(line)).status().message());
}

// 10.0.0.1:40312 TIME_WAIT > 10.0.0.2:80 CLOSED
const FlowRecord kFlow = testing::SampleFlow();

TEST(Filter, NothingAskedMatchesAll) { EXPECT_TRUE(Matches("", kFlow)); }

TEST(Filter, StateIsOfEitherEndpointInAnyCase) {
  EXPECT_TRUE(Matches("--state TIME_WAIT", kFlow));
  EXPECT_TRUE(Matches("--state closed", kFlow));
  EXPECT_FALSE(Matches("--state ESTABLISHED", kFlow));
  EXPECT_FALSE(Matches("--state CLOSED", testing::Flow("1.1.1.1", 1, "2.2.2.2", 2)));
}

TEST(Filter, TheSameFlagTwiceIsOr) {
  EXPECT_TRUE(Matches("--state ESTABLISHED --state TIME_WAIT", kFlow));
  EXPECT_TRUE(Matches("--dport 443 --dport 80", kFlow));
  EXPECT_FALSE(Matches("--dport 443 --dport 8080", kFlow));
}

TEST(Filter, DifferentFlagsAreAnd) {
  EXPECT_TRUE(Matches("--dport 80 --src 10.0.0.0/24", kFlow));
  EXPECT_FALSE(Matches("--dport 80 --src 10.0.1.0/24", kFlow));
}

TEST(Filter, NotNegatesTheNextFlagOnly) {
  EXPECT_FALSE(Matches("--not --dport 80", kFlow));
  EXPECT_TRUE(Matches("--not --dport 443 --dport 80", kFlow));
  EXPECT_FALSE(Matches("--not --state TIME_WAIT", kFlow));
  EXPECT_FALSE(Matches("--not --state CLOSED", kFlow));
  EXPECT_TRUE(Matches("--not --state ESTABLISHED", kFlow));
  EXPECT_TRUE(Matches("--src 10.0.0.0/8 --not --src 10.0.0.128/25", kFlow));
  EXPECT_FALSE(Matches("--src 10.0.0.0/8 --not --src 10.0.0.0/25", kFlow));
  // Both are excluded.
  EXPECT_FALSE(Matches("--not --dport 443 --not --dport 80", kFlow));
}

TEST(Filter, SidesAreTheOriginatorAndTheResponder) {
  EXPECT_TRUE(Matches("--src 10.0.0.1", kFlow));
  EXPECT_FALSE(Matches("--src 10.0.0.2", kFlow));
  EXPECT_TRUE(Matches("--dst 10.0.0.2", kFlow));
  EXPECT_TRUE(Matches("--host 10.0.0.2", kFlow));
  EXPECT_TRUE(Matches("--host 10.0.0.1", kFlow));
  EXPECT_FALSE(Matches("--sport 80", kFlow));
  EXPECT_TRUE(Matches("--port 80", kFlow));
  EXPECT_TRUE(Matches("--sport 40000-41000", kFlow));
  EXPECT_FALSE(Matches("--sport 40313-41000", kFlow));
}

TEST(Filter, CidrAtEveryPrefix) {
  std::array<uint8_t, 16> one{};
  one[0] = 0b10101010;
  one[1] = 0b11001100;
  for (int prefix = 0; prefix <= 32; ++prefix) {
    const auto cidr = ParseCidr("170.204.0.0/" + std::to_string(prefix));
    ASSERT_TRUE(cidr.ok());
    EXPECT_TRUE(cidr->Contains(one, false));
    EXPECT_FALSE(cidr->Contains(one, true));
    for (int bit = 0; bit < 32; ++bit) {
      auto other = one;
      other[bit / 8] ^= static_cast<uint8_t>(0x80 >> bit % 8);
      EXPECT_EQ(cidr->Contains(other, false), bit >= prefix) << prefix << " " << bit;
    }
  }
}

TEST(Filter, Ipv6) {
  const FlowRecord flow = testing::Flow("2001:db8::5", 1, "::1", 2);
  EXPECT_TRUE(Matches("--src 2001:db8::/32", flow));
  EXPECT_TRUE(Matches("--dst ::1", flow));
  EXPECT_TRUE(Matches("--host 2001:db8::7/125", flow));
  EXPECT_FALSE(Matches("--src 2001:db9::/32", flow));
  EXPECT_FALSE(Matches("--src 0.0.0.0/0", flow));
  EXPECT_TRUE(Matches("--src ::/0", flow));
}

TEST(Filter, ProtocolVlanZone) {
  FlowRecord flow = testing::Flow("1.1.1.1", 1, "2.2.2.2", 2, 132);
  EXPECT_TRUE(Matches("--proto sctp --vlan none", flow));
  EXPECT_TRUE(Matches("--proto 132", flow));
  EXPECT_FALSE(Matches("--proto tcp", flow));
  flow.vlan_count = 2;
  flow.vlan = {10, 20};
  flow.zone = 3;
  EXPECT_TRUE(Matches("--vlan 20 --zone 3", flow));
  EXPECT_FALSE(Matches("--vlan none", flow));
  EXPECT_FALSE(Matches("--vlan 30", flow));
}

TEST(Filter, BadValuesNameTheFlagAndTheCure) {
  EXPECT_THAT(Error("--state OPEN"), HasSubstr("state: \"OPEN\" is not a TCP state"));
  EXPECT_THAT(Error("--state OPEN"), HasSubstr("ESTABLISHED"));
  EXPECT_THAT(Error("--src 10.0.0.0/33"), HasSubstr("src: \"10.0.0.0/33\""));
  EXPECT_THAT(Error("--src 10.0.0"), HasSubstr("CIDR"));
  EXPECT_THAT(Error("--src ::1/129"), HasSubstr("src"));
  EXPECT_THAT(Error("--src 10.0.0.0/"), HasSubstr("src"));
  EXPECT_THAT(Error("--dport 65536"), HasSubstr("0 to 65535"));
  EXPECT_THAT(Error("--dport 9-3"), HasSubstr("range"));
  EXPECT_THAT(Error("--dport -1"), HasSubstr("dport"));
  EXPECT_THAT(Error("--proto ftp"), HasSubstr("proto"));
  EXPECT_THAT(Error("--vlan 4095"), HasSubstr("4094"));
  EXPECT_THAT(Error("--zone 8"), HasSubstr("zone"));
  EXPECT_THAT(Error("--colour red"), HasSubstr("\"colour\" is not a filter"));
}

TEST(Filter, TermsAreBounded) {
  std::vector<FilterTerm> terms(Filter::kMaxTerms, {.flag = "dport", .value = "80"});
  EXPECT_TRUE(Filter::Parse(terms).ok());
  terms.push_back(terms[0]);
  EXPECT_FALSE(Filter::Parse(terms).ok());
}

TEST(Filter, QueriesSayTheSame) {
  EXPECT_EQ(ToQuery(Terms("--src 10.0.0.0/8 --not --dport 80")), "src=10.0.0.0%2F8&not.dport=80");
  FilterTerm term;
  ASSERT_TRUE(TermOfQuery("not.state", "CLOSED", &term));
  EXPECT_TRUE(term.negated);
  EXPECT_EQ(term.flag, "state");
  EXPECT_FALSE(TermOfQuery("limit", "5", &term));
  EXPECT_FALSE(TermOfQuery("not.not.src", "5", &term));
}

}  // namespace
}  // namespace coretrack
