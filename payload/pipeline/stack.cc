// SPDX-License-Identifier: GPL-2.0-only
#include "payload/pipeline/stack.h"

namespace xlp::pipeline {

namespace {

elf::Section section_of(const load::Loaded& l, const load::PlacedSection& placed) {
    elf::Section s;
    s.name = placed.name;
    s.index = placed.index;
    s.type = SHT_PROGBITS;
    s.flags = SHF_ALLOC;
    if (placed.region == load::Region::text)
        s.flags |= SHF_EXECINSTR;
    if (placed.region == load::Region::rw)
        s.flags |= SHF_WRITE;
    s.address = placed.address;
    s.size = placed.size;
    s.align = placed.align;
    s.bytes = View(l.memory).subspan(placed.address - l.base, placed.size);
    return s;
}

xen::Applied applied(std::shared_ptr<const load::Loaded> l) {
    xen::Applied a;
    // the records name what was replaced, and do not call it
    for (const load::PlacedSection& s : l->sections)
        if (s.name != ".livepatch.funcs" && l->contains(s.address)
            && s.size <= l->memory.size() - (s.address - l->base))
            a.sections.push_back(section_of(*l, s));
    for (const load::ResolvedSymbol& s : l->symbols)
        if (s.exported)
            a.added.push_back(
                {s.name, s.value, s.size,
                 static_cast<std::uint8_t>(l->text.contains(s.value) ? STT_FUNC : STT_OBJECT)});
    for (const load::FunctionRecord& f : l->functions)
        if (f.new_address)
            a.replaced.push_back(
                {f.old_address, {f.name, f.new_address, f.new_size, STT_FUNC, false, true}});
    a.memory = std::move(l);
    return a;
}

} // namespace

Result<Stack> Stack::on(const xen::Image& image, const std::vector<PayloadFile>& below) {
    Stack stack;
    stack.loader_ = std::make_unique<Loader>(image);
    stack.top_ = image.build_id();
    std::vector<xen::Applied> layers;
    for (const PayloadFile& p : below) {
        auto verdict = stack.loader_->apply(p.bytes, p.name);
        if (!verdict)
            return fail(verdict);
        stack.top_ = verdict->loaded->build_id;
        layers.push_back(applied(verdict->loaded));
    }
    stack.running_ = std::make_unique<xen::Image>(image.with(layers));
    return stack;
}

} // namespace xlp::pipeline
