// SPDX-License-Identifier: GPL-2.0-only
// The state of one load, which the stages hand on; and the stages. Each stage is one function of
// Xen's loader and answers like it: nothing, or why it refuses. A Fault thrown is Xen's death.
#pragma once

#include "payload/base/bytes.h"
#include "payload/load/machine.h"
#include "payload/load/rules.h"
#include "payload/xen/abi.h"

#include <cerrno>
#include <fmt/format.h>
#include <functional>

namespace xlp::load {

struct Refusal {
    int error = 0;      // negative
    std::string code;   // of the finding: "load.symbols.unknown"
    std::string log;    // without "livepatch: NAME: "
    std::string remedy; // may be empty
    Where where;        // in the payload
};
using Step = std::optional<Refusal>;

inline constexpr std::uint64_t page_size = 4096;
// Both wrap as Xen's PFN_UP and PAGE_ALIGN do.
inline std::uint64_t pages_of(std::uint64_t bytes) {
    return (bytes + page_size - 1) / page_size;
}
inline std::uint64_t page_align(std::uint64_t bytes) {
    return (bytes + page_size - 1) & ~(page_size - 1);
}

// printf's %#x, which has no prefix for zero.
inline std::string alternate_hex(std::uint64_t x) {
    return x ? fmt::format("{:#x}", x) : "0";
}

using xen::abi::endbr64, xen::abi::endbr64_poison, xen::abi::jump_size;

// Names are cut here, so that names that overlap in a string table cost no more than their number;
// no symbol of Xen is as long.
inline constexpr std::size_t longest_name = 4096;

// livepatch_elf_sec, with the header read from the buffer anew each time: Xen's pointers point
// there too, and symbol values are written there.
struct LoadingSection {
    std::uint64_t header = 0; // offset in the upload buffer
    std::string_view name;    // in the buffer, as all names
    Address data = 0;         // in the upload buffer
    Address address = 0; // where it was loaded, or null; `data` at first with reworked_sections
    bool placed = false;
    Region region = Region::text;
};

struct LoadingSymbol {
    std::uint64_t entry = 0; // offset in the upload buffer
    std::string_view name;
    bool ignored = false;
    Origin origin = Origin::payload;
    std::string other; // name of the payload that defines it
};

struct Loading {
    Loading(View payload, const xen::Image&, const Options&, xen::Version);

    const xen::Image& image;
    const Options& options;
    const xen::Version version;
    const Rules rules;
    Bytes file;           // Xen's copy, which it also writes to
    Address file_address; // of that copy
    Machine machine;
    std::shared_ptr<Loaded> result;

    std::vector<LoadingSection> sections; // [0] is never looked at, as its pointers are null
    std::uint32_t symbol_table = 0;       // index of the section
    std::uint32_t string_table = 0;
    std::vector<LoadingSymbol> symbols;
    std::uint64_t text_size = 0, rw_size = 0, ro_size = 0;
    elf::BuildId xen_depends;
    Findings remarks; // what stages notice besides

    Elf64_Ehdr header() const;
    Elf64_Shdr section_header(std::uint32_t index) const; // Fault for index 0
    Elf64_Sym symbol(std::uint32_t index) const;
    // livepatch_elf_sec_by_name(): the first of that name, or 0.
    std::uint32_t find_section(std::string_view name) const;
    bool is_ignored(const Elf64_Shdr&) const; // livepatch_elf_ignore_section()
    Where at_section(std::uint32_t index) const;
    // The string at an offset of the buffer, cut after longest_name bytes.
    std::string_view name_at(std::uint64_t offset) const;

    // The hypervisor's symbols_lookup_by_name(), 0 if there is none.
    Address hypervisor_symbol(std::string_view name) const;
    // livepatch_symbols_lookup_by_name(); also names the payload that has it.
    Address payload_symbol(std::string_view name, std::string* other = nullptr) const;
    bool executable(Address) const; // code of the hypervisor, or of a payload
    bool has_endbr64(Address) const;
    // The jump goes behind it: ENDBR64 or, on versions that know it, its poison.
    bool starts_with_endbr(Address) const;
};

// section_ok(): the size must be a multiple.
Step check_multiple(const Loading&, std::uint32_t section, std::uint64_t unit);

Step check_header(Loading&);            // livepatch_header_check
Step resolve_sections(Loading&);        // elf_resolve_sections
Step resolve_section_names(Loading&);   // elf_resolve_section_names
Step read_symbols(Loading&);            // elf_get_sym
Step check_hypervisor_id(Loading&);     // check_xen_buildid
Step place(Loading&);                   // move_payload
Step resolve_symbols(Loading&);         // livepatch_elf_resolve_symbols
Step relocate(Loading&);                // livepatch_elf_perform_relocs
Step check_special_sections(Loading&);  // the same
Step check_patching_sections(Loading&); // the same
// parts of prepare_payload
Step prepare_functions(Loading&);
Step prepare_hooks(Loading&);
Step prepare_notes(Loading&);
Step prepare_bug_frames(Loading&);
Step prepare_alternatives(Loading&);
Step prepare_alternative_calls(Loading&);
Step prepare_exception_table(Loading&);
Step prepare_metadata(Loading&);
Step check_old_hypervisor_id(Loading&); // xen_build_id_dep
Step build_symbol_table(Loading&);      // the same
// parts of livepatch_action and of the work that it schedules
Step check_stack_dependency(Loading&); // build_id_dep
Step check_expectations(Loading&);     // livepatch_check_expectations
Step apply_functions(Loading&);        // apply_payload
Step revert_functions(Loading&);       // revert_payload

// A relocation of a section that is loaded, with what it refers to.
struct AppliedRelocation {
    std::uint32_t target = 0; // section
    Elf64_Rela entry{};
    std::uint32_t symbol() const { return ELF64_R_SYM(entry.r_info); }
    std::uint32_t type() const { return ELF64_R_TYPE(entry.r_info); }
};
// Those of one section, or of all (0). Only valid entries; at most max_relocations.
std::vector<AppliedRelocation> relocations_of(const Loading&, std::uint32_t target = 0);

// What is accepted and fatal, or accepted and wrong; looks at what the stages left, as far as they
// came.
Findings find_section_hazards(const Loading&);
Findings find_symbol_hazards(const Loading&);
Findings find_reference_hazards(const Loading&);
Findings find_function_hazards(const Loading&);
Findings find_table_hazards(const Loading&); // hooks, bug frames, alternatives, exception table
Findings find_note_hazards(const Loading&);
Findings find_stack_hazards(const Loading&);

} // namespace xlp::load
