// SPDX-License-Identifier: GPL-2.0-only
#include "payload/report/align.h"

#include <gtest/gtest.h>
#include <random>

namespace xlp::report {

namespace {

using Text = std::vector<std::string>;

// '=' for rows with both sides, '-' and '+' for one side; checks that nothing is lost.
std::string shape(const Text& left, const Text& right, std::size_t limit = 100) {
    std::string s;
    std::size_t l = 0, r = 0;
    for (const Row& row : align(left, right, limit)) {
        if (row.left) {
            EXPECT_EQ(*row.left, l++);
        }
        if (row.right) {
            EXPECT_EQ(*row.right, r++);
        }
        if (row.left && row.right) {
            EXPECT_EQ(left[*row.left], right[*row.right]);
        }
        s += row.left && row.right ? '=' : row.left ? '-' : '+';
    }
    EXPECT_EQ(l, left.size());
    EXPECT_EQ(r, right.size());
    return s;
}

} // namespace

TEST(Align, ShortestScript) {
    EXPECT_EQ(shape({}, {}), "");
    EXPECT_EQ(shape({"a", "b"}, {"a", "b"}), "==");
    EXPECT_EQ(shape({"a", "b"}, {"a", "x", "b"}), "=+=");
    EXPECT_EQ(shape({"a", "x", "b"}, {"a", "b"}), "=-=");
    EXPECT_EQ(shape({"a"}, {}), "-");
}

TEST(Align, RandomSequencesLoseNothing) {
    std::mt19937 random(1);
    for (int round = 0; round < 200; ++round) {
        Text left, right;
        for (unsigned n = random() % 20; n; --n)
            left.push_back(std::string(1, static_cast<char>('a' + random() % 3)));
        for (unsigned n = random() % 20; n; --n)
            right.push_back(std::string(1, static_cast<char>('a' + random() % 3)));
        shape(left, right);
    }
}

TEST(Align, TooManyEditsAreShownOneAfterTheOther) {
    EXPECT_EQ(shape({"a", "b"}, {"c", "d"}, 1), "--++");
}

} // namespace xlp::report
