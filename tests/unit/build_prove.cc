// SPDX-License-Identifier: GPL-2.0-only
// The old code, held against the hypervisor.
#include "payload/pipeline/prove.h"

#include "match_tiny_xen.h"
#include "payload/diff/bind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::build {
namespace {

using match::test::Source;
using match::test::TinyXen;
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

const char* const unsplit = "-O2 -fpic -fvisibility=hidden -ffreestanding -mno-red-zone "
                            "-fno-asynchronous-unwind-tables -fno-stack-protector "
                            "-fcf-protection=none -w";

class Prove : public testing::Test {
protected:
    Prove() : image_(tiny_.link({{text("3"), "unit.c", unsplit}}, {4, 16, 0})) {
        diff::Unit u;
        u.name = u.source = "unit.c";
        u.original = std::move(*tiny_.compile({text("3")}));
        u.patched = std::move(*tiny_.compile({text("4")}));
        program_.units.push_back(std::move(u));
        program_.compare_units();
    }

    std::vector<std::string> errors(const WholeModules& whole) {
        const diff::Binder binder(program_, image_);
        const auto old = check_old_code(program_, diff::select(program_, binder), image_, whole);
        if (!old)
            return {"failed"};
        std::vector<std::string> codes;
        for (const Finding& f : old->findings)
            if (f.severity == Severity::error)
                codes.push_back(f.code + " " + f.where.function);
        return codes;
    }

    WholeModules compiled(const std::string& source) {
        return [this, source](std::size_t) -> Result<std::optional<atom::Module>> {
            return std::move(*tiny_.compile({source, "unit.c", unsplit}));
        };
    }

    TinyXen tiny_;
    xen::Image image_;
    diff::Program program_;
};

TEST_F(Prove, CodeThatXensBuildDoesNotSplitIsComparedAsItIs) {
    EXPECT_THAT(errors({}), ElementsAre("match.mismatch likely"));
    EXPECT_THAT(errors(compiled(text("3"))), IsEmpty());
    EXPECT_THAT(errors(compiled(text("5"))), ElementsAre("match.mismatch likely"));
    EXPECT_THAT(errors(compiled("int other(void) { return 1; }")),
                ElementsAre("match.mismatch likely"))
        << "what is not there proves nothing";
}

} // namespace
} // namespace xlp::build
