// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/source/patch_lines.h"

#include <gtest/gtest.h>

namespace xlp::build {
namespace {

// old: 1 2 3 4 5 6        new: 1 2 a b 3 4 6   (two added after 2, 5 removed)
const std::vector<Hunk> hunks{{2, 0, 3, 2}, {5, 1, 6, 0}};

TEST(LineMap, follows_added_and_removed_lines) {
    LineMap map;
    map.add("common/f.c", hunks);
    EXPECT_EQ(map.original("common/f.c", 2), 2u);
    EXPECT_EQ(map.original("common/f.c", 3), std::nullopt);
    EXPECT_EQ(map.original("common/f.c", 4), std::nullopt);
    EXPECT_EQ(map.original("common/f.c", 5), 3u);
    EXPECT_EQ(map.original("./common/f.c", 6), 4u);
    EXPECT_EQ(map.original("common/f.c", 7), 6u);
    EXPECT_EQ(map.original("common/other.c", 7), 7u);
    EXPECT_TRUE(map.moves("common/f.c"));
    EXPECT_FALSE(map.moves("common/other.c"));
}

TEST(LineMap, a_replacement_of_equal_length_moves_nothing) {
    LineMap map;
    map.add("f.c", {{2, 2, 2, 2}});
    EXPECT_FALSE(map.moves("f.c"));
    EXPECT_EQ(map.original("f.c", 3), std::nullopt);
    EXPECT_EQ(map.original("f.c", 4), 4u);
}

TEST(StableLines, a_directive_follows_each_change) {
    EXPECT_EQ(with_stable_lines("1\n2\na\nb\n3\n4\n6\n", hunks),
              "1\n2\na\nb\n#line 3\n3\n4\n#line 6\n6\n");
}

TEST(StableLines, none_within_parentheses) {
    EXPECT_EQ(with_stable_lines("if ( a &&\n     new &&\n     b )\n    f();\n", {{1, 0, 2, 1}}),
              "if ( a &&\n     new &&\n     b )\n#line 3\n    f();\n");
}

TEST(StableLines, none_within_a_continued_macro) {
    EXPECT_EQ(with_stable_lines("#define M \\\n    new( \\\n    x\nint y;\n", {{1, 0, 2, 1}}),
              "#define M \\\n    new( \\\n    x\n#line 3\nint y;\n");
}

TEST(StableLines, none_within_a_comment_and_none_for_quotes_and_brackets_in_it) {
    EXPECT_EQ(with_stable_lines("/* a (\n new's\n b */\nint y;\n", {{1, 0, 2, 1}}),
              "/* a (\n new's\n b */\n#line 3\nint y;\n");
}

TEST(StableLines, brackets_in_strings_do_not_count) {
    EXPECT_EQ(with_stable_lines("f(\"(\\\"(\", '(');\nnew;\ny;\n", {{1, 0, 2, 1}}),
              "f(\"(\\\"(\", '(');\nnew;\n#line 2\ny;\n");
}

TEST(StableLines, a_hunk_without_a_safe_place_before_the_next_is_passed_over) {
    // both hunks lie in one pair of parentheses: only the end gets a directive
    EXPECT_EQ(
        with_stable_lines("f(a,\n  n1,\n  b,\n  n2,\n  c);\ny;\n", {{1, 0, 2, 1}, {2, 0, 4, 1}}),
        "f(a,\n  n1,\n  b,\n  n2,\n  c);\n#line 4\ny;\n");
}

} // namespace
} // namespace xlp::build
