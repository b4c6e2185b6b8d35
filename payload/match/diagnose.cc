// SPDX-License-Identifier: GPL-2.0-only
// Thresholds were set by experiment: docs/matching.md.
#include "payload/base/bytes.h"
#include "payload/match/contrast.h"
#include "payload/match/explain.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <map>
#include <set>

namespace xlp::match {

namespace {

constexpr std::size_t examples = 3; // named in a sentence

// Producers that the compiler and assembler wrote into .comment.
std::set<std::string> producers(const elf::Object& o) {
    std::set<std::string> found;
    const elf::Section* s = o.section(".comment");
    if (!s)
        return found;
    std::string one;
    for (std::uint8_t b : s->bytes) {
        if (b) {
            one += static_cast<char>(b);
        } else if (!one.empty()) {
            found.insert(std::move(one));
            one.clear();
        }
    }
    return found;
}

std::string list(const std::set<std::string>& names) {
    std::string s;
    std::size_t n = 0;
    for (const std::string& name : names) {
        if (n++ == examples)
            return s + ", ...";
        s += (s.empty() ? "" : ", ") + name;
    }
    return s;
}

// Instructions whose coming or going tells a configuration option.
struct Tell {
    std::string_view text; // start of the instruction
    std::string_view what;
};
constexpr Tell tells[] = {
    {"endbr64", "CONFIG_XEN_IBT"},
    {"lfence", "CONFIG_SPECULATIVE_HARDEN_*"},
    {"ret", "CONFIG_RETURN_THUNK"},
};

struct Count {
    std::size_t objects = 0, unlike_objects = 0;
    std::size_t compared = 0, differ = 0, missing = 0, lines = 0, layout = 0;
    std::set<std::string> unknown;                   // names that the hypervisor lacks
    std::map<std::string_view, std::size_t> options; // votes of `tells`
    std::map<std::string, std::size_t> calls;        // by the hypervisor, never by the source
};

// External symbols that an unlike function refers to and the hypervisor does not have.
void unknown_symbols(const atom::Atom& a, const xen::Image& image, Count& n) {
    for (const atom::Reference& r : a.references)
        if (r.atom == atom::no_atom && !r.external.empty() && r.external[0] != '.'
            && image.find(r.external).empty())
            n.unknown.insert(std::string(r.external));
}

// Functions that the hypervisor calls where the object does not so much as name them.
void foreign_calls(const Match& m, const AtomMatch& match, const xen::Image& image,
                   const disasm::Disassembler& d, Count& n) {
    std::set<std::string> called;
    for (const disasm::Instruction& i :
         d.all(image.bytes(match.address, match.size), match.address)) {
        if (i.flow != disasm::Flow::call || !i.target)
            continue;
        const xen::ImageSymbol* s = image.covering(*i.target);
        if (s && !s->local && s->address == *i.target)
            called.insert(s->name);
    }
    for (const elf::Symbol& s : m.module().object().symbols())
        called.erase(std::string(s.name));
    for (const std::string& name : called)
        ++n.calls[name];
}

// What the code of an unlike function tells.
void look_at(const atom::Atom& a, const AtomMatch& match, const xen::Image& image,
             const disasm::Disassembler& d, Count& n) {
    const View theirs = image.bytes(match.address, match.size);
    const Bytes ours = with_fields_of(a, theirs);
    if (match.state == State::bytes_differ)
        n.layout += only_displacements(contrast(ours, theirs, match.address, d));
    const xen::Range function{match.address,
                              match.address + std::max<std::uint64_t>(a.size, match.size)};
    const auto unlike = first_unlike(ours, theirs, function, d);
    if (!unlike)
        return;
    for (const Tell& t : tells)
        n.options[t.what] +=
            unlike->ours.text.starts_with(t.text) != unlike->theirs.text.starts_with(t.text);
}

void count(const Match& m, const xen::Image& image, const disasm::Disassembler& d, Count& n) {
    const std::size_t before = n.differ;
    for (const atom::Atom& a : m.module().atoms()) {
        if (a.anonymous() || !a.is_function() || m.of(a.id).state == State::unchecked)
            continue;
        const AtomMatch& match = m.of(a.id);
        ++n.compared;
        if (same(match.state))
            continue;
        ++n.differ;
        unknown_symbols(a, image, n);
        if (match.state == State::missing) {
            ++n.missing;
            if (a.global) // statics come and go with inlining
                n.unknown.insert(std::string(a.name));
        } else if (match.state == State::line_differs) {
            ++n.lines;
        } else {
            look_at(a, match, image, d, n);
            foreign_calls(m, match, image, d, n);
        }
    }
    ++n.objects;
    n.unlike_objects += n.differ != before;
}

// Called in vain by many unlike functions, if any is.
std::string_view foreign_call(const Count& n) {
    for (const auto& [name, times] : n.calls)
        if (times > examples && 4 * times > n.differ)
            return name;
    return {};
}

// The option that most unlike functions speak of, if they are many.
std::string_view told_option(const Count& n) {
    for (const auto& [option, votes] : n.options)
        if (votes > examples && 4 * votes > n.differ)
            return option;
    return {};
}

constexpr const char* config_remedy =
    "Use the configuration of this exact hypervisor (on Debian, /boot/xen-VERSION.config), and set "
    "what its packaging sets (EXTRA_CFLAGS_XEN_CORE and the like).";

} // namespace

std::string_view text(Cause c) {
    static constexpr std::array<std::string_view, 7> names = {"nothing",
                                                              "a different compiler",
                                                              "different compiler options",
                                                              "a different configuration",
                                                              "line numbers",
                                                              "different source",
                                                              "a different hypervisor"};
    return names[static_cast<std::size_t>(c)];
}

Diagnosis diagnose(std::span<const Match> matches, const xen::Image& image) {
    const disasm::Disassembler disassembler;
    Count n;
    std::set<std::string> ours;
    for (const Match& m : matches) {
        count(m, image, disassembler, n);
        ours.merge(producers(m.module().object()));
    }
    Diagnosis d;
    d.compared = n.compared;
    d.differ = n.differ;
    if (!n.differ)
        return d;
    const std::string share = fmt::format("{} of {} functions differ", n.differ, n.compared);
    const std::set<std::string> theirs = producers(image.object());
    std::set<std::string> strange;
    std::set_difference(ours.begin(), ours.end(), theirs.begin(), theirs.end(),
                        std::inserter(strange, strange.end()));
    if (!strange.empty() && !theirs.empty()) {
        d.cause = Cause::compiler;
        d.why = fmt::format("{}; the hypervisor was compiled by {}, but the source now by {}.",
                            share, list(theirs), list(strange));
        d.remedy = fmt::format("Compile with {}.", list(theirs));
    } else if (n.lines == n.differ) {
        d.cause = Cause::lines;
        d.why = fmt::format("{}, all only in what may be line numbers.", share);
        d.remedy = "Use the source file as patched by the hypervisor's packaging.";
    } else if (2 * n.missing > n.compared) {
        d.cause = Cause::image;
        d.why = fmt::format("{}; {} do not exist in it at all.", share, n.missing);
        d.remedy = "Check that source and symbol file are from the same version.";
    } else if (const std::string_view option = told_option(n); !option.empty()) {
        d.cause = Cause::configuration;
        d.why =
            fmt::format("{}; the differing instructions are those generated by {}.", share, option);
        d.remedy = config_remedy;
    } else if (n.layout && 2 * (n.layout + n.missing) > n.differ) {
        d.cause = Cause::configuration;
        d.why =
            fmt::format("{}, most only in offsets: structures are laid out differently.", share);
        d.remedy = config_remedy;
    } else if (2 * n.differ > n.compared && n.compared > examples) {
        d.cause = Cause::options;
        d.why = fmt::format("{}, with the same compiler: the compiler options differ.", share);
        d.remedy = config_remedy;
    } else if (!n.unknown.empty()) {
        d.cause = Cause::configuration;
        d.why = fmt::format("{}, and the hypervisor lacks {}.", share, list(n.unknown));
        d.remedy = config_remedy;
    } else if (const std::string_view name = foreign_call(n); !name.empty()) {
        d.cause = Cause::configuration;
        d.why = fmt::format("{}; the hypervisor calls {} where the compiled source does not.",
                            share, name);
        d.remedy = config_remedy;
    } else if (n.objects > examples && 2 * n.unlike_objects > n.objects) {
        d.cause = Cause::configuration;
        d.why =
            fmt::format("{}, spread over {} of {} objects.", share, n.unlike_objects, n.objects);
        d.remedy = config_remedy;
    } else {
        d.cause = Cause::source;
        d.why = fmt::format("{}; the others are identical. The source of these differs, or a "
                            "configuration option that few functions depend on.",
                            share);
        d.remedy = "Use the source that the hypervisor was built from, with all patches from its "
                   "packaging applied, and its own configuration.";
    }
    return d;
}

} // namespace xlp::match
