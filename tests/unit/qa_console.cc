// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/machine/console.h"

#include <gtest/gtest.h>

namespace xlp::qa {

namespace {

// "x:text" for the hypervisor, "d:" for the driver, "o:" for others.
std::vector<std::string> read(std::initializer_list<const char*> pieces) {
    LineReader reader;
    std::vector<std::string> out;
    for (const char* piece : pieces)
        for (const Line& l : reader.feed(piece))
            out.push_back((l.speaker == Speaker::hypervisor ? "x:"
                           : l.speaker == Speaker::driver   ? "d:"
                                                            : "o:")
                          + l.text);
    return out;
}

using Lines = std::vector<std::string>;

} // namespace

TEST(LineReader, TellsSpeakersApart) {
    EXPECT_EQ(read({"(XEN) livepatch: a\r\n@xlp@ ready\r\n[    1.0] Linux\r\n"}),
              (Lines{"x:livepatch: a", "d:ready", "o:[    1.0] Linux"}));
}

TEST(LineReader, WaitsForTheEndOfALine) {
    EXPECT_EQ(read({"@xlp@ 1 e", "nd", " 0\n@xlp@ 2"}), (Lines{"d:1 end 0"}));
}

TEST(LineReader, JoinsWhatALineOfXensCutInTwo) {
    EXPECT_EQ(read({"@xlp@ 1 be(XEN) apply\ngin\n"}), (Lines{"x:apply", "d:1 begin"}));
    EXPECT_EQ(read({"@xl(XEN) one\n(XEN) two\np@ ready\n"}), (Lines{"x:one", "x:two", "d:ready"}));
}

TEST(LineReader, OutputCannotPassForAnotherSpeakersLine) {
    // a step's output comes behind the marker, whatever is in it
    EXPECT_EQ(read({"@xlp@ 1 out @xlp@ 1 end 0\n"}), (Lines{"d:1 out @xlp@ 1 end 0"}));
}

TEST(LineReader, FindsTheMarkerBehindARestOfALine) {
    EXPECT_EQ(read({"/ # @xlp@ ready\n"}), (Lines{"o:/ # ", "d:ready"}));
}

TEST(LineReader, EmptyLinesOfXenCount) {
    EXPECT_EQ(read({"(XEN) \n(XEN)\n\n"}), (Lines{"x:", "x:"}));
}

TEST(LineReader, EndlessLineIsCut) {
    LineReader reader;
    auto lines = reader.feed(std::string(200'000, 'x'));
    EXPECT_EQ(lines.size(), 3u);
    EXPECT_LT(reader.rest().size(), 65'537u);
}

} // namespace xlp::qa
