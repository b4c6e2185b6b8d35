// SPDX-License-Identifier: GPL-2.0-only
// Three passes: place (every included atom gets its spot), fill (references become relocations,
// table entries follow their code), describe (function records, hooks, notes, metadata). The
// payload's build-id is a hash of everything else, so it is put in last.
#include "payload/emit/emit.h"

#include "payload/base/bytes.h"
#include "payload/base/hash.h"
#include "payload/emit/sections.h"
#include "payload/xen/abi.h"
#include "payload/xen/contract.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <set>

namespace xlp::emit {

using atom::Atom;
using atom::Reference;
using diff::Binding;
using diff::Place;
using diff::Role;
using xen::SectionClass;

namespace {

constexpr std::uint64_t text_flags = SHF_ALLOC | SHF_EXECINSTR;
constexpr std::uint64_t data_flags = SHF_ALLOC | SHF_WRITE;

class Emitter {
public:
    Emitter(const diff::Program& program, const diff::Selection& selection,
            const diff::Binder& binder, const Options& options)
        : program_(program), selection_(selection), binder_(binder), options_(options) {}

    Result<Payload> run();

private:
    void place(std::size_t item);
    void fill(std::size_t item);
    void fill_entry(std::size_t unit, const atom::Entry&);
    void relocate(std::size_t unit, Spot where, const Reference&, const Atom& owner,
                  bool in_bug_frame);
    void hooks();
    void records();
    void record(const diff::Included&, const diff::OldCode&);
    void notes();
    void metadata();
    void name_symbols();
    Spot replacements();
    Spot stub(const Binding& target);
    Result<Payload> finish();
    void refuse(std::size_t unit, const Atom&, const char* code, std::string why,
                std::string remedy);

    const diff::Program& program_;
    const diff::Selection& selection_;
    const diff::Binder& binder_;
    const Options& options_;
    Sections out_;
    std::map<Place, Spot> spots_;
    std::map<std::string, Spot> stubs_;
    std::vector<std::uint32_t> named_anew_; // symbols that get the payload's mark
    Findings findings_;
};

void Emitter::refuse(std::size_t unit, const Atom& a, const char* code, std::string why,
                     std::string remedy) {
    findings_.push_back(
        refusal(code, std::move(why), std::move(remedy),
                {program_.units[unit].name, a.label(), program_.units[unit].source, 0}));
}

void Emitter::place(std::size_t item) {
    const Place p = selection_.items[item].place;
    const Atom& a = program_.atom(p);
    Spot spot;
    switch (a.section_class) {
    case SectionClass::string: {
        // the loader knows nothing of mergeable sections; wide strings keep their bytes
        std::string_view text(reinterpret_cast<const char*>(a.bytes.data()), a.bytes.size());
        if (a.align <= 1 && !text.empty() && text.find('\0') == text.size() - 1)
            spot = out_.string(text.substr(0, text.size() - 1));
        else
            spot = out_.append(out_.open(".rodata", SHT_PROGBITS, SHF_ALLOC), a.bytes, a.align);
        break;
    }
    case SectionClass::literal:
        spot = out_.append(out_.open(".rodata", SHT_PROGBITS, SHF_ALLOC), a.bytes, a.size);
        break;
    case SectionClass::constant:
        if (a.zero) {
            Bytes zeros(a.size);
            spot = out_.append(out_.open(".rodata", SHT_PROGBITS, SHF_ALLOC), zeros, a.align);
        } else {
            spot = out_.append(out_.open(".rodata", SHT_PROGBITS, SHF_ALLOC), a.bytes, a.align);
        }
        break;
    case SectionClass::data:
        if (a.zero)
            spot = out_.append_zero(out_.open(".bss", SHT_NOBITS, data_flags), a.size, a.align);
        else
            spot = out_.append(out_.open(".data", SHT_PROGBITS, data_flags), a.bytes, a.align);
        break;
    case SectionClass::replacement:
        spot = out_.append(out_.open(".altinstr_replacement", SHT_PROGBITS, text_flags), a.bytes,
                           a.align);
        break;
    default:
        spot = out_.append(out_.open(".text", SHT_PROGBITS, text_flags, 16), a.bytes, a.align);
        break;
    }
    spots_[p] = spot;
}

// A jump to a handler in the hypervisor, for a bug frame's 24-bit displacement that does not reach
// it. The handler is called through a pointer, so the stub starts with ENDBR64.
Spot Emitter::stub(const Binding& target) {
    auto [it, fresh] = stubs_.try_emplace(target.name);
    if (fresh) {
        Bytes code(std::begin(xen::abi::endbr64), std::end(xen::abi::endbr64));
        code.insert(code.end(), {xen::abi::jump_opcode, 0, 0, 0, 0});
        it->second = out_.append(out_.open(".text", SHT_PROGBITS, text_flags, 16), code, 16);
        out_.relocate({it->second.section, it->second.offset + 5}, R_X86_64_PC32, target.name, -4);
    }
    return it->second;
}

void Emitter::relocate(std::size_t unit, Spot where, const Reference& r, const Atom& owner,
                       bool in_bug_frame) {
    if (r.type == R_X86_64_PC8) {
        refuse(
            unit, owner, "emit.relocation",
            "It has a short jump to a function in the same section, which would be too far away.",
            "Compile it with -ffunction-sections, or without a section attribute.");
        return;
    }
    if (r.type != R_X86_64_64 && r.type != R_X86_64_PC32 && r.type != R_X86_64_PLT32) {
        refuse(unit, owner, "emit.relocation",
               fmt::format("It has a relocation of type {}, which Xen's loader does not support.",
                           r.type),
               "Declare the symbol it refers to with hidden visibility, as Xen's headers do.");
        return;
    }
    const Binding b = binder_.bind(unit, r);
    const std::int64_t addend = b.delta + r.bias + r.line_bits;
    if (b.kind == Binding::Kind::image) {
        if (in_bug_frame)
            out_.relocate(where, r.type, stub(b), addend);
        else
            out_.relocate(where, r.type, b.name, addend);
        return;
    }
    auto it = spots_.find(b.place);
    if (b.kind != Binding::Kind::carried || it == spots_.end()) {
        findings_.push_back(internal_fault(
            "emit.unplaced",
            fmt::format("{} refers to something that was not selected.", owner.label())));
        return;
    }
    // contents of .livepatch and table sections refer to the spot itself
    out_.relocate(where, r.type, it->second, addend);
}

void Emitter::fill_entry(std::size_t unit, const atom::Entry& e) {
    const std::uint32_t table = out_.open(e.section, SHT_PROGBITS, SHF_ALLOC,
                                          e.table == SectionClass::alternatives ? 1 : 4);
    const Spot spot = out_.append(table, e.bytes, 1);
    const Atom& owner = program_.units[unit].patched->atom(e.references[0].atom);
    const Spot nothing = e.table == SectionClass::alternatives ? replacements() : Spot{};
    for (const Reference& r : e.references)
        if (e.empty_replacement() && &r != &e.references[0])
            out_.relocate({table, spot.offset + r.offset}, r.type, nothing, 0);
        else
            relocate(unit, {table, spot.offset + r.offset}, r, owner,
                     e.table == SectionClass::bug_frames);
}

// The start of .altinstr_replacement. The loader wants the section wherever there are alternatives,
// and all replacements in it, those without bytes too; those of 4.8 to 4.16 pass over a section
// that is empty, so it has at least one byte.
Spot Emitter::replacements() {
    const std::uint32_t s = out_.open(".altinstr_replacement", SHT_PROGBITS, text_flags);
    static constexpr std::uint8_t nop[] = {0x90};
    if (out_.section(s).bytes.empty())
        out_.append(s, nop, 1);
    return {s, 0};
}

void Emitter::fill(std::size_t item) {
    const Place p = selection_.items[item].place;
    const Atom& a = program_.atom(p);
    const Spot spot = spots_.at(p);
    for (const Reference& r : a.references)
        relocate(p.unit, {spot.section, spot.offset + r.offset}, r, a, false);
    for (const atom::Entry& e : a.entries)
        fill_entry(p.unit, e);
}

void Emitter::hooks() {
    for (const diff::HookArray& h : selection_.hooks) {
        const Atom& array = program_.units[h.unit].patched->arrays()[h.index];
        const std::uint32_t section = out_.open(array.name, SHT_PROGBITS, SHF_ALLOC, 8);
        const Spot spot = out_.append(section, array.bytes, 8);
        for (const Reference& r : array.references)
            relocate(h.unit, {section, spot.offset + r.offset}, r, array, false);
    }
}

void Emitter::records() {
    for (const diff::Included& item : selection_.items) {
        if (item.role != Role::replacement)
            continue;
        record(item, {item.old_name, item.old_address, item.old_size});
        for (const diff::OldCode& old : item.also)
            record(item, old);
    }
}

void Emitter::record(const diff::Included& item, const diff::OldCode& old) {
    using Head = xen::abi::FunctionHead;
    const xen::Version version = binder_.image().version();
    // writable: loaders of 4.16.4 to 4.18.0 keep state in it and fault otherwise
    const std::uint32_t section = out_.open(".livepatch.funcs", SHT_PROGBITS, data_flags, 8);
    const unsigned layout = xen::has(version, xen::Feature::records_v2) ? 2 : 1;
    Bytes bytes(xen::abi::function_size(layout));
    Head r{};
    r.new_size = static_cast<std::uint32_t>(program_.atom(item.place).size);
    r.old_size = static_cast<std::uint32_t>(old.size);
    r.version = static_cast<std::uint8_t>(layout);
    std::memcpy(bytes.data(), &r, offsetof(Head, version) + 1);
    auto expected = options_.expectations.find(old.address);
    if (layout == 2 && expected != options_.expectations.end()) {
        const Bytes& e = expected->second;
        bytes[offsetof(xen::abi::Function, expect_head)] =
            static_cast<std::uint8_t>(1 | e.size() << 1);
        std::copy(e.begin(), e.end(), bytes.begin() + offsetof(xen::abi::Function, expect_data));
    }
    const Spot spot = out_.append(section, bytes, 8);
    out_.relocate(spot, R_X86_64_64, out_.string(old.name), 0);
    out_.relocate({section, spot.offset + offsetof(Head, new_addr)}, R_X86_64_64,
                  spots_.at(item.place), 0);
    out_.relocate({section, spot.offset + offsetof(Head, old_addr)}, R_X86_64_64, old.name, 0);
}

void Emitter::notes() {
    auto note = [&](const char* name, const elf::BuildId& id) {
        const std::uint32_t s = out_.open(name, SHT_NOTE, SHF_ALLOC, 4);
        out_.append(s, elf::make_build_id_note(id), 4);
    };
    note(".livepatch.depends", options_.depends);
    note(".livepatch.xen_depends", binder_.image().build_id());
    note(".note.gnu.build-id", elf::BuildId(20)); // set by finish()
}

// Ends with the payload's own build-id, by which `xlp` recognises it in the hypervisor.
void Emitter::metadata() {
    std::string text;
    const auto add = [&](const std::string& key, const std::string& value) {
        text += fmt::format("{}={}", key, value);
        text.push_back('\0');
    };
    for (const auto& [key, value] : options_.modinfo)
        add(key, value);
    add("content", hex(elf::BuildId(20))); // set by finish()
    const std::uint32_t s = out_.open(".modinfo", SHT_PROGBITS, SHF_ALLOC);
    out_.append(s, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, 1);
}

// Names serve Xen's backtraces, and payloads that are built on top of this one: they look up its
// new functions and variables. The loader lets a replacement have its old function's name; any
// other name must be unlike all of the hypervisor's and other payloads', so it gets this payload's
// mark at its end (finish()).
void Emitter::name_symbols() {
    for (const diff::Included& item : selection_.items) {
        const Atom& a = program_.atom(item.place);
        if (a.anonymous() || !(a.is_function() || item.role == Role::new_data))
            continue;
        const Spot spot = spots_.at(item.place);
        if (item.role != Role::replacement)
            named_anew_.push_back(static_cast<std::uint32_t>(out_.object().symbols.size()));
        out_.name(spot, item.role == Role::replacement ? item.old_name : a.xen_name(), a.size,
                  a.is_function() ? STT_FUNC : STT_OBJECT);
    }
}

Result<Payload> Emitter::finish() {
    auto first = elf::write_object(out_.object());
    if (!first)
        return fail(first);
    const Bytes hash = sha256(*first);
    Payload payload;
    payload.build_id.assign(hash.begin(), hash.begin() + 20);
    const std::string mark = fmt::format("~{}", hex({hash.data(), 4}));
    constexpr std::size_t longest = xen::max_symbol_name - 9;
    for (std::uint32_t s : named_anew_) {
        std::string& name = out_.object().symbols[s].name;
        name.resize(std::min(name.size(), longest));
        name += mark;
    }
    const std::uint32_t note = out_.open(".note.gnu.build-id", SHT_NOTE, SHF_ALLOC, 4);
    out_.section(note).bytes = elf::make_build_id_note(payload.build_id);
    const std::string id = hex(payload.build_id);
    Bytes& metadata = out_.section(out_.open(".modinfo", SHT_PROGBITS, SHF_ALLOC)).bytes;
    std::copy(id.begin(), id.end(), metadata.end() - 1 - static_cast<std::ptrdiff_t>(id.size()));
    auto bytes = elf::write_object(out_.object());
    if (!bytes)
        return fail(bytes);
    payload.bytes = std::move(*bytes);
    return payload;
}

Result<Payload> Emitter::run() {
    for (std::size_t i = 0; i < selection_.items.size(); ++i)
        place(i);
    for (std::size_t i = 0; i < selection_.items.size(); ++i)
        fill(i);
    hooks();
    records();
    notes();
    metadata();
    name_symbols();
    if (!findings_.empty())
        return fail(std::move(findings_));
    auto payload = finish();
    if (payload && payload->bytes.size() > xen::abi::max_payload_size)
        return fail(
            refusal("emit.too-large",
                    fmt::format("The payload has {} bytes; the hypervisor accepts {} at most.",
                                payload->bytes.size(), xen::abi::max_payload_size),
                    "Split the patch."));
    return payload;
}

} // namespace

Result<Payload> emit(const diff::Program& program, const diff::Selection& selection,
                     const diff::Binder& binder, const Options& options) {
    return Emitter(program, selection, binder, options).run();
}

} // namespace xlp::emit
