// SPDX-License-Identifier: GPL-2.0-only
#include "payload/atom/module.h"

#include <fmt/format.h>

namespace xlp::atom {

namespace {
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
} // namespace

std::string_view stem(std::string_view name) {
    for (;;) {
        const std::size_t dot = name.rfind('.');
        if (dot == name.npos || dot == 0 || dot + 1 == name.size())
            return name;
        for (char c : name.substr(dot + 1))
            if (!is_digit(c))
                return name;
        name = name.substr(0, dot);
    }
}

std::optional<std::string_view> cold_parent(std::string_view name) {
    name = stem(name);
    if (name.size() > 5 && name.ends_with(".cold"))
        return name.substr(0, name.size() - 5);
    return std::nullopt;
}

std::vector<std::string_view> Atom::names() const {
    std::vector<std::string_view> all = aliases;
    if (!anonymous())
        all.insert(all.begin(), name);
    return all;
}

std::string Atom::xen_name() const {
    if (global || file.empty())
        return std::string(name);
    return fmt::format("{}#{}", file, name);
}

std::string Atom::label() const {
    if (!name.empty())
        return std::string(name);
    switch (section_class) {
    case xen::SectionClass::string: {
        std::string s(bytes.begin(), bytes.end() - (bytes.empty() ? 0 : 1));
        if (s.size() > 40)
            s = s.substr(0, 37) + "...";
        for (char& c : s)
            if (c < ' ')
                c = ' ';
        return fmt::format("string \"{}\"", s);
    }
    case xen::SectionClass::literal:
        return fmt::format("{}-byte literal", size);
    case xen::SectionClass::fragment:
        return fmt::format("fragment +{:#x}", begin);
    case xen::SectionClass::replacement:
        return fmt::format("alternative +{:#x}", begin);
    default:
        return fmt::format("unnamed contents +{:#x}", begin);
    }
}

void Module::mean_end(AtomId id, std::size_t reference) {
    atoms_[id].references[reference].means_end = true;
}

const Atom* Module::find(std::string_view symbol) const {
    auto it = by_name_.find(symbol);
    return it == by_name_.end() ? nullptr : &atoms_[it->second];
}

} // namespace xlp::atom
