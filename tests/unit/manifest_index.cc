// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/json.h"
#include "payload/manifest/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace xlp::manifest {
namespace {

using ::testing::HasSubstr;

Index full_index() {
    Index i;
    i.xen_build_id = "5e00";
    i.xen_version = "4.17.5";
    i.serial = 12;
    i.minimum_serial = 10;
    i.valid_until = "2027-01-31T00:00:00Z";
    i.revoked = {"ab"};
    i.answers = {{"XSA-1", {"CVE-1"}, Answer::Kind::in_build},
                 {"XSA-2", {}, Answer::Kind::payload, "aa", "bb", "two"},
                 {"XSA-3", {}, Answer::Kind::not_concerned, {}, {}, {}, "Arm only"},
                 {"XSA-4", {}, Answer::Kind::reboot, {}, {}, {}, {}, "4.17.6"}};
    return i;
}

TEST(Index, TextAndBackIsTheSame) {
    auto again = parse_index(to_text(full_index()), "i");
    ASSERT_TRUE(again) << again.error().front().why;
    EXPECT_EQ(*again, full_index());
    EXPECT_TRUE(again->revokes("ab"));
    EXPECT_EQ(again->find("XSA-4")->version, "4.17.6");
    EXPECT_FALSE(again->expired("2027-01-30T23:59:59Z"));
    EXPECT_TRUE(again->expired("2027-01-31T00:00:01Z"));
}

TEST(Index, EverythingWrongIsSaidAtOnce) {
    Json j = to_json(full_index());
    j["valid_until"] = "tomorrow";
    j["advisories"][0]["answer"] = "perhaps";
    j["advisories"][2].erase("why");
    j["advisories"].push_back(j["advisories"][1]);
    j.erase("serial");
    auto i = parse_index(j.dump(), "i");
    ASSERT_FALSE(i);
    std::string all;
    for (const Finding& f : i.error())
        all += f.why;
    for (const char* word :
         {"valid_until", "perhaps", "`why' is missing", "has two answers", "serial"})
        EXPECT_THAT(all, HasSubstr(word));
}

TEST(Index, OtherThingsAreNotIndexes) {
    for (const char* text : {"", "[]", "{", "{\"schema\":\"xlp.index/2\"}", "\xff"})
        EXPECT_FALSE(parse_index(text, "i")) << text;
}

} // namespace
} // namespace xlp::manifest
