// SPDX-License-Identifier: GPL-2.0-only
// A hypervisor made of `before`, and what the differ says of the way to `after`.
#pragma once

#include "match_tiny_xen.h"
#include "payload/diff/select.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::diff::test {

using match::test::Source;
using match::test::TinyXen;

struct Change {
    Source before, after; // an empty text: the unit is new, or gone
    std::string stable{}; // text of `after` with stable lines
};

// What Xen's macros for per-CPU data, boot code and table entries come down to.
inline constexpr std::string_view prelude = R"(
#define __init __attribute__((__section__(".init.text"), __noinline__))
#define __initdata __attribute__((__section__(".init.data")))
#define percpu __attribute__((__section__(".bss.percpu")))
#define noinline __attribute__((__noinline__))
#define WARN(line) asm volatile ("1: ud2\n" \
    ".pushsection .bug_frames.1,\"a\"\n.p2align 2\n2:\n" \
    ".long (1b - 2b) + %c0\n.long (%c1 - 2b) + %c2\n.popsection" \
    :: "i" (((line) >> 7) << 24), "i" ("unit.c"), "i" (((line) & 127) << 24))
#define EXTABLE(from, to) ".pushsection .ex_table,\"a\"\n.balign 4\n" \
    ".long " from " - .\n.long " to " - .\n.popsection\n"
#pragma GCC visibility push(hidden)
extern int outside(int);
extern void die(int) __attribute__((cold));
)";

inline Source source(std::string text, std::string name = "unit.c") {
    if (text.empty())
        return {{}, std::move(name)};
    return {std::string(prelude) + text, std::move(name)};
}

class Diff {
public:
    explicit Diff(std::vector<Change> changes, const std::vector<std::string>& left_out = {}) {
        std::vector<Source> linked{
            {"int outside(int x) { return x * 3; } int do_xen_version(void) { return 7; }"
             "void die(int x) { outside(x); }",
             "outside.c"}};
        for (const Change& c : changes)
            if (!c.before.text.empty())
                linked.push_back(c.before);
        image_ = std::make_unique<xen::Image>(tiny_.link(linked));
        for (const Change& c : changes) {
            Unit u;
            u.name = u.source = c.after.name;
            if (!c.before.text.empty())
                u.original = std::move(*tiny_.compile(c.before));
            if (!c.after.text.empty())
                u.patched = std::move(*tiny_.compile(c.after));
            if (!c.stable.empty())
                u.stable = std::move(*tiny_.compile(source(c.stable, c.after.name)));
            program_.units.push_back(std::move(u));
        }
        program_.compare_units();
        Findings findings = program_.leave_out(left_out);
        binder_ = std::make_unique<Binder>(program_, *image_);
        selection_ = select(program_, *binder_);
        append(selection_.findings, std::move(findings));
    }
    Diff(const std::string& before, const std::string& after, const std::string& stable = {})
        : Diff(std::vector<Change>{{source(before), source(after), stable}}) {}

    const Program& program() const { return program_; }
    const Binder& binder() const { return *binder_; }
    const xen::Image& image() const { return *image_; }
    const Selection& selection() const { return selection_; }

    // Names in the payload of one role, sorted; nameless atoms by label.
    std::vector<std::string> names(Role role) const {
        std::vector<std::string> list;
        for (const Included& i : selection_.items)
            if (i.role == role)
                list.push_back(program_.atom(i.place).label());
        std::sort(list.begin(), list.end());
        return list;
    }
    std::vector<std::string> replaced() const { return names(Role::replacement); }
    const Included* item(std::string_view name) const {
        for (const Included& i : selection_.items)
            if (program_.atom(i.place).name == name)
                return &i;
        return nullptr;
    }
    // Codes of the findings of a severity.
    std::vector<std::string> codes(Severity severity = Severity::error) const {
        std::vector<std::string> list;
        for (const Finding& f : selection_.findings)
            if (f.severity == severity)
                list.push_back(f.code);
        return list;
    }
    // Names in the hypervisor that a function of the payload is bound to.
    std::vector<std::string> bound(std::string_view function) const {
        std::vector<std::string> list;
        const Included* i = item(function);
        if (!i)
            return list;
        for (const atom::Reference& r : program_.atom(i->place).references)
            if (Binding b = binder_->bind(i->place.unit, r); b.kind == Binding::Kind::image)
                list.push_back(b.name);
        return list;
    }

private:
    TinyXen tiny_;
    std::unique_ptr<xen::Image> image_;
    Program program_;
    std::unique_ptr<Binder> binder_;
    Selection selection_;
};

} // namespace xlp::diff::test
