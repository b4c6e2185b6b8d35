// SPDX-License-Identifier: GPL-2.0-only
#include "state.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace xlp::generator {

namespace {

using Kind = Variable::Kind;

// The plain name of a symbol: without its file, and without the number of a static local.
std::string_view plain(std::string_view name) {
    if (const auto hash = name.rfind('#'); hash != name.npos)
        name.remove_prefix(hash + 1);
    return name.substr(0, name.find('.'));
}

struct Layout {
    std::vector<std::uint64_t> offsets;
    std::uint64_t size = 0;
};

Layout layout_of(const Variable& v) {
    Layout l;
    if (v.fields.empty()) {
        l.offsets = {0};
        l.size = 8;
        return l;
    }
    std::uint64_t align = 1;
    for (const Field& f : v.fields) {
        const auto size = static_cast<std::uint64_t>(f.size);
        l.size = (l.size + size - 1) / size * size;
        l.offsets.push_back(l.size);
        l.size += size;
        align = std::max(align, size);
    }
    l.size = (l.size + align - 1) / align * align;
    return l;
}

bool pointers(const Variable& v) {
    return v.kind == Kind::function || v.kind == Kind::address;
}

bool begins_with(const Variable& v, std::uint64_t at, const xen::Image& image) {
    std::uint64_t first = v.init.empty() ? 0 : v.init[0];
    const int size = v.fields.empty() ? 8 : v.fields[0].size;
    const auto bytes = image.bytes(at, static_cast<std::uint64_t>(size));
    if (bytes.empty())
        return first == 0; // .bss
    return std::memcmp(bytes.data(), &first, static_cast<std::size_t>(size)) == 0;
}

// A variable in an image: by name, and where several have it (static locals) by its first value.
std::uint64_t address_of(const Variable& v, const xen::Image& image) {
    std::vector<std::uint64_t> found;
    for (const xen::ImageSymbol& s : image.symbols())
        if (s.type == STT_OBJECT && plain(s.name) == v.name)
            found.push_back(s.address);
    if (found.size() > 1)
        std::erase_if(found, [&](std::uint64_t a) { return !begins_with(v, a, image); });
    return found.size() == 1 ? found[0] : 0;
}

bool is_writable(std::uint64_t at, const xen::Image& image) {
    // the linker makes .rodata writable where it gathers tables of addresses, too
    const elf::Section* s = image.section_at(at);
    return s && (s->flags & SHF_WRITE) && s->name != ".rodata";
}

} // namespace

std::uint64_t address_of(const Function& f, const xen::Image& image) {
    std::uint64_t found = 0;
    for (const xen::ImageSymbol& s : image.symbols()) {
        if (s.type != STT_FUNC || s.address == found)
            continue;
        std::string_view name = s.name;
        if (const auto hash = name.rfind('#'); hash != name.npos)
            name.remove_prefix(hash + 1);
        if (name != f.name)
            continue;
        if (found)
            return 0;
        found = s.address;
    }
    return found;
}

std::vector<Piece> pieces(const Program& before, const xen::Image& from, const Program& after,
                          const xen::Image& to) {
    std::vector<Piece> list;
    for (std::size_t i = 0; i < before.variables.size(); ++i) {
        const Variable& v = before.variables[i];
        const Variable& w = after.variables[i];
        if (!v.exists || !w.exists || v.constant || w.constant || v.kind == Kind::string)
            continue;
        const std::uint64_t a = address_of(v, from), b = address_of(w, to);
        if (!a || !b)
            continue;
        const Layout l = layout_of(v), m = layout_of(w);
        for (int e = 0; e < std::min(v.elements(), w.elements()); ++e) {
            Piece p;
            p.pointer = pointers(v);
            p.writable = is_writable(a, from) && is_writable(b, to);
            for (std::size_t f = 0; f < l.offsets.size(); ++f) {
                // a field is the same by its name
                std::size_t g = f;
                if (!p.pointer) {
                    for (g = 0; g < w.fields.size(); ++g)
                        if (w.fields[g].name == v.fields[f].name)
                            break;
                    if (g == w.fields.size())
                        continue;
                }
                const auto element = static_cast<std::uint64_t>(e);
                p.from = a + element * l.size + l.offsets[f];
                p.to = b + element * m.size + m.offsets[g];
                p.from_size = p.pointer ? 8 : v.fields[f].size;
                p.to_size = p.pointer ? 8 : w.fields[g].size;
                p.from_signed = !p.pointer && v.fields[f].is_signed;
                p.name = fmt::format("{}[{}].{}", v.name, e, f);
                list.push_back(p);
            }
        }
    }
    return list;
}

std::optional<std::uint64_t> translate(std::uint64_t value, const Program& before,
                                       const xen::Image& from, const Program& after,
                                       const xen::Image& to) {
    if (!from.section_at(value))
        return value; // a number
    for (std::size_t i = 0; i < before.functions.size(); ++i)
        if (before.functions[i].exists && address_of(before.functions[i], from) == value) {
            // the function of that name, whatever it does now; else what it was renamed to
            const Function* g = &after.functions[i];
            for (const Function& f : after.functions)
                if (f.exists && f.name == before.functions[i].name)
                    g = &f;
            const std::uint64_t there = g->exists ? address_of(*g, to) : 0;
            return there ? std::optional(there) : std::nullopt;
        }
    for (std::size_t i = 0; i < before.variables.size(); ++i)
        if (before.variables[i].exists && address_of(before.variables[i], from) == value) {
            const std::uint64_t there =
                after.variables[i].exists ? address_of(after.variables[i], to) : 0;
            return there ? std::optional(there) : std::nullopt;
        }
    return std::nullopt;
}

} // namespace xlp::generator
