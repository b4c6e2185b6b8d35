// SPDX-License-Identifier: GPL-2.0-only
#include "payload/pipeline/strangers.h"

#include "payload/disasm/disasm.h"
#include "payload/match/xrefs.h"

#include <fmt/format.h>

namespace xlp::pipeline {

std::set<std::string> strangers(const xen::Image& image, xen::Range range,
                                const std::function<bool(const std::string&)>& known) {
    const disasm::Disassembler disassembler;
    std::set<std::string> names;
    const xen::Range ranges[] = {range};
    const match::Xrefs xrefs = match::Xrefs::find(image, ranges, disassembler);
    for (const match::Xref& x : xrefs.all())
        if (!image.in_init(x.from) && x.kind != match::Xref::Kind::possible && !known(x.symbol))
            names.insert(x.symbol.empty() ? fmt::format("{:#x}", x.from) : x.symbol);
    return names;
}

std::set<std::string> compiled_names(const diff::Program& program) {
    std::set<std::string> names;
    for (const diff::Unit& u : program.units)
        if (u.original)
            for (const atom::Atom& a : u.original->atoms())
                if (!a.anonymous())
                    names.insert(a.xen_name());
    return names;
}

} // namespace xlp::pipeline
