// SPDX-License-Identifier: GPL-2.0-only
// An object taken apart into atoms: the smallest pieces that the differ adds, drops or compares as
// a whole. An atom is a function, a datum, one string, one literal, or a nameless fragment of code;
// its references name other atoms or external symbols, never sections with bare addends. Entries of
// Xen's tables (exceptions, bug frames, alternatives) hang at the atom whose code they speak of.
#pragma once

#include "payload/base/bytes.h"
#include "payload/elf/object.h"
#include "payload/xen/abi.h"
#include "payload/xen/sections.h"
#include "payload/xen/version.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace xlp::atom {

using AtomId = std::uint32_t;
inline constexpr AtomId no_atom = ~AtomId{0};

// A relocation, or a branch that the assembler resolved, seen as "this field refers to that place".
struct Reference {
    std::uint32_t offset = 0;  // of the field, in the atom or entry
    std::uint32_t type = 0;    // R_X86_64_*
    AtomId atom = no_atom;     // what it refers to, or no_atom
    std::string_view external; // ... then the undefined symbol
    std::int64_t delta = 0;    // bytes from the atom's (symbol's) start to the place meant
    // Addend to write = delta + bias: -4 for a call or a %rip-relative operand at its instruction's
    // end, -5 with one byte of immediate behind the field, 0 for data.
    std::int32_t bias = 0;
    std::uint32_t line_bits = 0; // of a bug frame's field: its share of the line, bits 24 to 30
    bool branch = false;         // field of a call, jmp or jcc
    // Means a place in code as such (the site of a table entry, a jump table's target), not the
    // address of a function as C knows it.
    bool label = false;
    // Where the place is the start of a local datum, and the end of another in the same section:
    // the object does not tell which of them is meant. That other, or no_atom.
    AtomId ends = no_atom;
    bool means_end = false; // the end is meant, as the code around it shows

    std::size_t width() const {
        if (type == R_X86_64_PC8)
            return 1;
        return type == R_X86_64_64 || type == R_X86_64_PC64 ? 8 : 4;
    }
};

// One entry of a table section.
struct Entry {
    xen::SectionClass table{};
    std::string_view section; // ".bug_frames.1"
    View bytes;
    std::vector<Reference> references; // by offset; the first is the code that the entry is for
    unsigned line = 0;                 // of a bug frame

    // Of an alternative: its site becomes nops.
    bool empty_replacement() const {
        return table == xen::SectionClass::alternatives
               && bytes[offsetof(xen::abi::Alternative, repl_len)] == 0;
    }
};

struct Atom {
    AtomId id = no_atom;
    std::string_view name; // of its symbol; empty for strings, literals and fragments
    std::string_view file; // of a local symbol: source file as Xen's symbol table has it
    bool global = false;
    std::uint8_t symbol_type = STT_NOTYPE;
    xen::SectionClass section_class{};
    std::uint32_t section = 0; // index in the object
    std::uint64_t begin = 0;   // in the section
    std::uint64_t size = 0;    // without padding
    std::uint64_t align = 1;
    bool zero = false; // without contents (.bss): `bytes` is empty
    View bytes;
    std::vector<Reference> references; // by offset
    std::vector<Entry> entries;
    std::vector<std::string_view> aliases; // further symbols at its start

    bool is_function() const {
        return xen::is_code(section_class) && section_class != xen::SectionClass::fragment
               && section_class != xen::SectionClass::replacement;
    }
    // Its name and the further ones.
    std::vector<std::string_view> names() const;
    // Compared and carried by content, without an identity of its own.
    bool anonymous() const { return name.empty(); }
    // The name that Xen's symbol table gives it: "foo" or "dir/file.c#foo".
    std::string xen_name() const;
    // For messages: its name, or what it is.
    std::string label() const;
};

class Module {
public:
    // Takes an object apart. The module keeps the object. `source` is the file that it was compiled
    // from ("arch/x86/hvm/vmx/entry.S"); without, the object must tell whether it was assembly.
    // Errors (atom.*): an object that is no relocatable file, or whose tables do not have the
    // entries that `version` gives them.
    static Result<Module> from(elf::Object, xen::Version, std::string_view source = {});

    const elf::Object& object() const { return object_; }
    const std::vector<Atom>& atoms() const { return atoms_; }
    const Atom& atom(AtomId id) const { return atoms_[id]; }
    const Atom* find(std::string_view symbol) const; // by name or alias; null if not defined here
    // Written by hand in assembly: labels lead into its functions, and control may run on from one
    // into the next.
    bool assembly() const { return assembly_; }
    // Sections of class `hooks` and `registration`, whole, with their references resolved.
    const std::vector<Atom>& arrays() const { return arrays_; }

    // Names source files as the hypervisor does (Image::file_name()).
    template <class F>
    void rename_files(F name) {
        for (Atom& a : atoms_)
            a.file = name(a.file);
    }

    // That a reference of an atom means the end of the datum before (Reference::ends), as something
    // else than this object shows.
    void mean_end(AtomId, std::size_t reference);

private:
    friend class Decomposer;
    elf::Object object_;
    std::vector<Atom> atoms_;
    std::vector<Atom> arrays_;
    std::unordered_map<std::string_view, AtomId> by_name_;
    bool assembly_ = false;
};

// "foo.constprop.0" -> "foo.constprop", "cnt.12" -> "cnt", "foo.cold" -> "foo.cold": names without
// the numbers that a compiler gives anew in each build.
std::string_view stem(std::string_view name);

// For "foo.cold" and "foo.cold.3", "foo"; nothing for other names.
std::optional<std::string_view> cold_parent(std::string_view name);

// Bytes of immediate operand behind a 32-bit %rip-relative displacement at `offset` of `code`, told
// from the opcode before it; where that may be read in two ways, by decoding from `start`, where an
// instruction begins. 0 if the bytes before it are no such operand.
unsigned trailing_immediate(View code, std::size_t offset, std::size_t start = 0);

// Whether the 32-bit field at `offset` is the target of a call, jmp or jcc.
bool is_branch_field(View code, std::size_t offset);

} // namespace xlp::atom
