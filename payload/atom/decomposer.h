// SPDX-License-Identifier: GPL-2.0-only
// Taking an object apart, in four steps, each over all sections:
//   1. split   - sections into atoms: at the symbols of functions and data, at each string and
//                literal, and nameless code at every place that something refers to (split.cc)
//   2. name    - which atom is which symbol
//   3. refer   - relocations into references (refer.cc), and branches that need none (branch.cc)
//   4. attach  - table entries to the atom whose code they speak of
#pragma once

#include "payload/atom/module.h"

#include <vector>

namespace xlp::atom {

class Decomposer {
public:
    Decomposer(Module& m, xen::Version version, std::string_view source)
        : m_(m), o_(m.object_), version_(version), source_(source) {}
    Result<void> run();

private:
    struct Target { // what a relocation means, before atoms are known
        std::uint32_t section;
        std::int64_t offset;
        std::int32_t bias;
    };

    bool from_assembly() const;
    void classify_sections();
    void collect_marks();
    void split(const elf::Section&);
    void split_at_symbols(const elf::Section&);
    void split_at_marks(const elf::Section&);
    void split_strings(const elf::Section&);
    void split_literals(const elf::Section&);
    Atom& add(const elf::Section&, std::uint64_t begin, std::uint64_t size);
    void name_atoms();
    void refer(Atom&);
    void refer_by_branch(const elf::Section&);
    std::vector<Reference> references(const elf::Section&, std::uint64_t begin, std::uint64_t end);
    Reference reference(const elf::Section&, const elf::Relocation&, std::uint64_t begin) const;
    Result<void> attach(const elf::Section& table);
    std::uint64_t function_start(const elf::Section&, std::uint64_t offset) const;
    void find_edges(const elf::Symbol&, std::int64_t place, Reference&) const;
    void settle_edges(Atom&);
    std::int32_t bias_of(const elf::Section& from, const elf::Relocation&) const;
    bool split_by_symbol(const elf::Symbol&) const;
    AtomId at(std::uint32_t section, std::int64_t offset) const;

    Module& m_;
    const elf::Object& o_;
    xen::Version version_;
    std::string_view source_;
    std::vector<xen::SectionClass> classes_;
    std::vector<std::vector<const elf::Symbol*>> symbols_; // of each section, that split it
    std::vector<std::vector<std::uint64_t>> marks_;        // places referred to by section symbol
    std::vector<std::vector<AtomId>> by_section_;          // atoms by begin
};

} // namespace xlp::atom
