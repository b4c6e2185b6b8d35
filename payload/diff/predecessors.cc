// SPDX-License-Identifier: GPL-2.0-only
#include "payload/diff/predecessors.h"

namespace xlp::diff {

using atom::Atom;
using xen::SectionClass;

std::vector<std::string> predecessors(const Program& program, const Unit& u, const Atom& added) {
    std::vector<std::string> names, renamed_ones;
    for (std::size_t i = 0; i < program.units.size(); ++i) {
        const Unit& other = program.units[i];
        if (!other.original)
            continue;
        for (const Atom& o : other.original->atoms()) {
            if (o.section_class != SectionClass::data && o.section_class != SectionClass::init_data)
                continue;
            const bool own = &other == &u, gone = program.vanished(i, o);
            const bool same_name = (own || gone) && atom::stem(o.name) == atom::stem(added.name);
            const bool renamed =
                own && gone && o.size == added.size && o.section_class == SectionClass::data;
            if (same_name)
                names.push_back(o.xen_name());
            else if (renamed)
                renamed_ones.push_back(o.xen_name());
        }
    }
    return names.empty() ? renamed_ones : names;
}

} // namespace xlp::diff
