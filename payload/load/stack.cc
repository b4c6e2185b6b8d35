// SPDX-License-Identifier: GPL-2.0-only
// What a payload means to those applied below it.
#include "payload/load/loading.h"

#include <set>

namespace xlp::load {

namespace {

void check_records(const Loading& l, const FunctionRecord& f, const Loaded& other, Findings& out) {
    const Where where{l.options.name, f.name, {}, 0};
    for (const FunctionRecord& g : other.functions) {
        if (!f.old_address || !g.old_address)
            continue;
        if (f.old_address == g.old_address) {
            out.push_back(
                note("load.stack.replaced-again",
                     fmt::format("{} also replaces this function: its jump is overwritten, and "
                                 "restored when this payload is reverted. Xen reverts only the "
                                 "topmost payload (otherwise EBUSY).",
                                 other.name),
                     {}, where));
        } else if (f.old_address < g.old_address + g.old_size
                   && g.old_address < f.old_address + f.old_size) {
            out.push_back(refusal(
                "load.stack.overlap",
                fmt::format("The function overlaps {}, which {} replaced.", g.name, other.name),
                "The records of the two payloads must not overlap.", where));
        }
    }
    if (other.contains(f.old_address))
        out.push_back(warning(
            "load.stack.patches-payload",
            fmt::format("The function is in payload {}: unload this payload before that one.",
                        other.name),
            {}, where));
}

} // namespace

Findings find_stack_hazards(const Loading& l) {
    Findings out;
    for (const FunctionRecord& f : l.result->functions)
        for (const Loaded* other : l.options.below)
            check_records(l, f, *other, out);
    std::set<std::string> reported;
    for (const ResolvedSymbol& s : l.result->symbols)
        if (s.origin == Origin::other_payload && reported.insert(s.other).second)
            out.push_back(
                warning("load.stack.reference",
                        fmt::format("The payload refers to {} of payload {}, and Xen does not "
                                    "prevent that payload from being unloaded.",
                                    s.name, s.other),
                        fmt::format("Do not unload {} while this payload is loaded.", s.other),
                        {l.options.name, s.name, {}, 0}));
    if (!l.result->safe_to_reapply && !l.result->memory.empty())
        out.push_back(note("load.not-reappliable",
                           "The payload has writable data: once reverted, it must be unloaded and "
                           "uploaded again before it can be applied.",
                           "Make constant data read-only.", {l.options.name, {}, {}, 0}));
    return out;
}

} // namespace xlp::load
