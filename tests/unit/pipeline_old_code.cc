// SPDX-License-Identifier: GPL-2.0-only
// The old code, held against the hypervisor.
#include "payload/pipeline/passes.h"

#include "match_tiny_xen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::pipeline {
namespace {

using match::test::Source;
using match::test::TinyXen;
using match::test::unsplit_flags;
using testing::ElementsAre;
using testing::IsEmpty;

// A function with unlikely code as Xen writes it up to 4.16 (UNLIKELY_START): where sections are
// not split it comes behind the file's last function, and takes a longer jump to be reached.
std::string text(const char* number) {
    return std::string("int do_xen_version(void) { return 7; }\n"
                       "int likely(int x)\n"
                       "{\n"
                       "    asm volatile (\"test %0, %0\\n jz 1f\\n2:\\n\"\n"
                       "                  \".subsection 1\\n1: mov $1, %0\\n jmp 2b\\n.previous\"\n"
                       "                  : \"+r\" (x));\n"
                       "    return x + ")
           + number
           + ";\n"
             "}\n"
             "void filler(void) { asm volatile (\".skip 300, 0x90\"); }\n";
}

class OldCode : public testing::Test {
protected:
    OldCode() : image_(tiny_.link({{text("3"), "unit.c", unsplit_flags}}, {4, 16, 0})) {}

    // What the passes up to the match say, with the original as `whole` compiles it where asked
    // for.
    std::vector<std::string> errors(const std::string& whole = {}) {
        Context c({}, image_, {});
        diff::Unit u;
        u.name = u.source = "unit.c";
        u.original = std::move(*tiny_.compile({text("3")}));
        u.patched = std::move(*tiny_.compile({text("4")}));
        c.program.units.push_back(std::move(u));
        EXPECT_TRUE(compare(c) && match_originals(c) && select(c));
        const Need need{"unit.c", Need::Kind::whole_sections};
        EXPECT_THAT(c.needs, ElementsAre(need));
        if (!whole.empty())
            c.supplied.emplace(need, std::move(*tiny_.compile({whole, "unit.c", unsplit_flags})));
        EXPECT_TRUE(check_old_code(c));
        std::vector<std::string> codes;
        for (const Finding& f : c.findings)
            if (f.severity == Severity::error)
                codes.push_back(f.code + " " + f.where.function);
        return codes;
    }

    TinyXen tiny_;
    xen::Image image_;
};

TEST_F(OldCode, CodeThatXensBuildDoesNotSplitIsComparedAsItIs) {
    EXPECT_THAT(errors(), ElementsAre("match.mismatch likely"));
    EXPECT_THAT(errors(text("3")), IsEmpty());
    EXPECT_THAT(errors(text("5")), ElementsAre("match.mismatch likely"));
    EXPECT_THAT(errors("int other(void) { return 1; }"), ElementsAre("match.mismatch likely"))
        << "what is not there proves nothing";
}

} // namespace
} // namespace xlp::pipeline
