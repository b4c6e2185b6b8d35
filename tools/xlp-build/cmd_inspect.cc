// SPDX-License-Identifier: GPL-2.0-only
// xlp-build inspect: what a payload holds.
#include "payload/disasm/disasm.h"
#include "payload/elf/note.h"
#include "payload/manifest/manifest.h"
#include "payload/manifest/records.h"
#include "payload/xen/sections.h"
#include "tools/xlp-build/verbs.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::build {

namespace po = cli::po;

namespace {

// A symbol and a distance, as a relocation names them.
std::string target_of(const elf::Object& o, const elf::Relocation& r, std::int64_t bias) {
    const elf::Symbol& s = o.symbols()[r.symbol];
    const std::int64_t distance = r.addend + bias;
    if (s.type == STT_SECTION) // the symbol there says more
        for (const elf::Symbol& named : o.symbols())
            if (named.section == s.section && named.type == STT_FUNC
                && static_cast<std::int64_t>(named.value) == distance)
                return std::string(named.name);
    return distance ? fmt::format("{}{:+#x}", s.name, distance) : std::string(s.name);
}

const elf::Relocation* relocation_in(const elf::Section& s, std::uint64_t begin,
                                     std::uint64_t end) {
    auto it = std::lower_bound(
        s.relocations.begin(), s.relocations.end(), begin,
        [](const elf::Relocation& r, std::uint64_t offset) { return r.offset < offset; });
    return it != s.relocations.end() && it->offset < end ? &*it : nullptr;
}

std::string note_id(const elf::Object& o, const char* section) {
    const elf::Section* s = o.section(section);
    auto id = s ? elf::build_id_of_note(s->bytes) : std::nullopt;
    return id ? elf::hex(*id) : std::string();
}

cli::Json sections_of(const elf::Object& o) {
    cli::Json list = cli::Json::array();
    for (const elf::Section& s : o.sections())
        if (s.alloc())
            list.push_back({{"name", s.name},
                            {"size", s.size},
                            {"align", s.align},
                            {"writable", s.writable()},
                            {"executable", s.executable()},
                            {"relocations", s.relocations.size()}});
    return list;
}

cli::Json symbols_of(const elf::Object& o, bool undefined) {
    cli::Json list = cli::Json::array();
    for (std::size_t i = 1; i < o.symbols().size(); ++i) {
        const elf::Symbol& s = o.symbols()[i];
        if (s.undefined() == undefined && s.type != STT_SECTION && !s.name.empty())
            list.push_back(s.name);
    }
    return list;
}

void print_code(const elf::Object& o, const cli::Output& out) {
    const disasm::Disassembler disassembler;
    for (const elf::Section& s : o.sections()) {
        if (!s.alloc() || !s.executable())
            continue;
        for (const disasm::Instruction& i : disassembler.all(s.bytes, 0)) {
            for (const elf::Symbol& symbol : o.symbols())
                if (symbol.section == s.index && symbol.type == STT_FUNC
                    && symbol.value == i.address)
                    out.text(fmt::format("\n{}:", symbol.name));
            std::string line = fmt::format("  {:5x}  {}", i.address, i.text);
            if (const auto* r = relocation_in(s, i.address, i.end()))
                line +=
                    fmt::format("  <{}>", target_of(o, *r,
                                                    static_cast<std::int64_t>(i.end() - r->offset)
                                                        * (r->type != R_X86_64_64)));
            out.text(line);
        }
    }
}

void print(const elf::Object& o, const manifest::Manifest& m, const cli::Output& out) {
    out.text(fmt::format("build-id     {}", m.build_id));
    out.text(fmt::format("depends on   {}", m.depends));
    out.text(fmt::format("hypervisor   {}", m.xen_build_id));
    for (const auto& [key, value] : manifest::modinfo(m))
        out.text(fmt::format("{:<12} {}", key, value));
    out.text("\nreplaces");
    for (const std::string& f : m.functions)
        out.text("  " + f);
    out.text("\nsections");
    for (const elf::Section& s : o.sections())
        if (s.alloc())
            out.text(fmt::format("  {:<24} {:>7} bytes  {}{}  {} relocations", s.name, s.size,
                                 s.writable() ? "w" : "-", s.executable() ? "x" : "-",
                                 s.relocations.size()));
    out.text("\nrefers to");
    for (std::size_t i = 1; i < o.symbols().size(); ++i)
        if (o.symbols()[i].undefined() && !o.symbols()[i].name.empty())
            out.text(fmt::format("  {}", o.symbols()[i].name));
}

Result<void> run(const po::variables_map& vm, const cli::Output& out, cli::Json& doc, Findings&) {
    const std::string path = vm["payload"].as<std::string>();
    auto object = elf::Object::read(path);
    if (!object)
        return tl::unexpected(std::move(object.error()));
    if (!object->section(".livepatch.depends"))
        return fail(bad_input("payload.not-a-payload",
                              "This object has no .livepatch.depends: it is no livepatch payload.",
                              {}, {path, {}, {}, 0}));
    auto m = manifest::describe(object->bytes(), std::filesystem::path(path).filename());
    if (!m)
        return tl::unexpected(std::move(m.error()));
    doc["build_id"] = m->build_id;
    doc["depends"] = note_id(*object, ".livepatch.depends");
    doc["xen_build_id"] = note_id(*object, ".livepatch.xen_depends");
    doc["size"] = m->size;
    doc["metadata"] = cli::Json::object();
    for (const auto& [key, value] : manifest::modinfo(*m))
        doc["metadata"][key] = value;
    doc["functions"] = m->functions;
    doc["sections"] = sections_of(*object);
    doc["defines"] = symbols_of(*object, false);
    doc["refers_to"] = symbols_of(*object, true);
    print(*object, *m, out);
    if (vm.count("disassemble"))
        print_code(*object, out);
    return {};
}

} // namespace

cli::Verb inspect_verb() {
    cli::Verb v;
    v.name = "inspect";
    v.arguments = "PAYLOAD [--disassemble]";
    v.summary = "show what a payload holds";
    v.options.add_options()("payload", po::value<std::string>()->required(), "")("disassemble,d",
                                                                                 "show its code");
    v.positional = {"payload"};
    v.examples = "  xlp-build inspect xsa480.livepatch -d | less\n";
    v.run = run;
    return v;
}

} // namespace xlp::build
