// SPDX-License-Identifier: GPL-2.0-only
// A matrix as a page of documentation.
#include "payload/base/json.h"
#include "tools/xlp-build/matrix/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace xlp::build {
namespace {

using testing::HasSubstr;
using testing::Not;

MatrixRow cell(const char* base, const char* name, const char* verdict) {
    MatrixRow r;
    r.about.branch = base;
    r.about.name = name;
    r.verdict = verdict;
    return r;
}

MatrixRow payload(const char* base, const char* name, unsigned functions, const char* nested) {
    MatrixRow r = cell(base, name, "payload");
    r.functions = functions;
    r.nested = nested;
    return r;
}

MatrixRow refused(const char* base, const char* name, std::vector<std::string> codes,
                  const char* why) {
    MatrixRow r = cell(base, name, "refused");
    r.codes = std::move(codes);
    r.why = why;
    return r;
}

TEST(Atlas, HasALineForEachAdvisoryNewestFirstAndAColumnForEachBaseOldestFirst) {
    const std::string text =
        atlas({payload("xen-4.20.0", "xsa480", 3, "passed"), payload("xen-4.7.1", "xsa1000", 1, ""),
               payload("xen-4.20.0", "xsa1000", 1, "failed at apply xsa1000"),
               cell("xen-4.7.1", "xsa480", "does not apply")});
    EXPECT_THAT(text, HasSubstr("| advisory | title | xen-4.7.1 | xen-4.20.0 |\n"
                                "|---|---|---|---|\n"
                                "| XSA-1000 |  | 1 function, not tried | "
                                "**failed at apply xsa1000** |\n"
                                "| XSA-480 |  | does not apply | 3 functions, proven |\n"));
}

TEST(Atlas, AddsUpEachBaseAndLeavesOutWhatNoneHas) {
    const std::string text =
        atlas({payload("a", "xsa1", 1, "passed"), payload("a", "xsa2", 1, "passed"),
               cell("a", "xsa3", "fixed"), payload("b", "xsa1", 1, "failed at upload xsa1"),
               cell("b", "xsa2", "fixed"), cell("b", "xsa3", "fixed")});
    EXPECT_THAT(text, HasSubstr("| base | payload, proven | fixed in it | failed |\n"
                                "|---|--:|--:|--:|\n"
                                "| a | 2 | 1 | 0 |\n"
                                "| b | 0 | 2 | 1 |\n"));
}

TEST(Atlas, SaysOfARefusalWhyAndOfTheSameOneOnlyOnce) {
    const std::string text =
        atlas({refused("a", "xsa472", {"types.layout", "init.half"}, "It grows."),
               refused("b", "xsa472", {"types.layout", "init.half"}, "It grows."),
               refused("c", "xsa472", {"assembly.changed"}, "Assembly.")});
    EXPECT_THAT(text, HasSubstr("| no: `types.layout`, `init.half` |"));
    EXPECT_THAT(text, HasSubstr("| XSA-472 | a, b | `types.layout`, `init.half`: It grows. |\n"));
    EXPECT_THAT(text, HasSubstr("| XSA-472 | c | `assembly.changed`: Assembly. |\n"));
}

TEST(Atlas, OfWhatDoesNotApplyItSaysOnlyWhatTheRecipeKnows) {
    MatrixRow r = cell("a", "xsa471", "does not apply");
    r.why = "0001.patch: Hunk #1 FAILED at 982.";
    EXPECT_THAT(atlas({r}), Not(HasSubstr("| base | why |")));
    r.about.known = {"It follows others."};
    EXPECT_THAT(atlas({r}), HasSubstr("| XSA-471 | a | does not apply. It follows others. |\n"));
    EXPECT_THAT(atlas({r}), Not(HasSubstr("Hunk")));
}

TEST(Atlas, WhatIsFixedOrNoConcernEverywhereHasNoLine) {
    MatrixRow arm = cell("b", "xsa20", "not affected");
    arm.why = "Arm only.";
    const std::string text =
        atlas({cell("a", "xsa9", "fixed"), cell("b", "xsa9", "fixed"), cell("a", "xsa20", "fixed"),
               arm, cell("a", "xsa30", "not affected"), payload("b", "xsa30", 2, "passed")});
    EXPECT_THAT(text,
                HasSubstr("Fixed in all of these, or no concern of theirs: XSA-20, XSA-9.\n"));
    EXPECT_THAT(text, Not(HasSubstr("| XSA-9 |")));
    EXPECT_THAT(text, Not(HasSubstr("Arm only.")));
    EXPECT_THAT(text, HasSubstr("| XSA-30 |  | not affected | 2 functions, proven |\n"));
}

TEST(Atlas, TextOfAnAdvisoryIsNoMarkdown) {
    MatrixRow r = payload("a", "xsa402", 1, "passed");
    r.about.title = "Introduce _PAGE_* in _get_page_type() | <now>";
    EXPECT_EQ(row_from_json(to_json(r)).about.title, r.about.title);
    EXPECT_THAT(atlas({r}),
                HasSubstr("| Introduce \\_PAGE\\_\\* in \\_get_page_type() \\| \\<now> |"));
}

TEST(Atlas, WhatAFindingQuotesIsCode) {
    const std::string text = atlas({refused("a", "xsa431", {"data.per-cpu-new"},
                                            "It brings `per_cpu__x' (used by `f_`), Xen's `own.")});
    EXPECT_THAT(text, HasSubstr(": It brings `per_cpu__x` (used by `f_`), Xen's \\`own. |"));
}

} // namespace
} // namespace xlp::build
