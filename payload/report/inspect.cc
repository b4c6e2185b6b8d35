// SPDX-License-Identifier: GPL-2.0-only
#include "payload/report/inspect.h"

#include "payload/base/bytes.h"
#include "payload/base/json.h"
#include "payload/disasm/disasm.h"
#include "payload/elf/note.h"
#include "payload/manifest/manifest.h"
#include "payload/manifest/records.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>

namespace xlp::report {

namespace {

// Functions by where they are.
class Functions {
public:
    explicit Functions(const elf::Object& o) {
        for (const elf::Symbol& s : o.symbols())
            if (s.type == STT_FUNC)
                names_.try_emplace({s.section, s.value}, s.name);
    }
    // Empty if none begins there.
    std::string_view at(std::uint32_t section, std::uint64_t offset) const {
        auto it = names_.find({section, offset});
        return it == names_.end() ? std::string_view() : it->second;
    }

private:
    std::map<std::pair<std::uint32_t, std::uint64_t>, std::string_view> names_;
};

// A symbol and a distance, as a relocation names them.
std::string target_of(const elf::Object& o, const Functions& functions, const elf::Relocation& r,
                      std::int64_t bias) {
    const elf::Symbol& s = o.symbols()[r.symbol];
    // modulo 2^64, as the linker reckons
    const auto distance = static_cast<std::int64_t>(static_cast<std::uint64_t>(r.addend)
                                                    + static_cast<std::uint64_t>(bias));
    if (s.type == STT_SECTION) // the symbol there says more
        if (auto name = functions.at(s.section, static_cast<std::uint64_t>(distance));
            !name.empty())
            return std::string(name);
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
    return id ? hex(*id) : std::string();
}

Json sections_of(const elf::Object& o) {
    Json list = Json::array();
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

Json symbols_of(const elf::Object& o, bool undefined) {
    Json list = Json::array();
    for (std::size_t i = 1; i < o.symbols().size(); ++i) {
        const elf::Symbol& s = o.symbols()[i];
        if (s.undefined() == undefined && s.type != STT_SECTION && !s.name.empty())
            list.push_back(s.name);
    }
    return list;
}

} // namespace

Result<Json> inspect(const elf::Object& o, const std::string& name) {
    if (!o.section(".livepatch.depends"))
        return fail(
            bad_input("payload.not-a-payload",
                      "This object has no .livepatch.depends: it is not a live-patch payload.", {},
                      {name, {}, {}, 0}));
    auto m = manifest::describe(o.bytes(), name);
    if (!m)
        return fail(m);
    Json j;
    j["build_id"] = m->build_id;
    j["depends"] = note_id(o, ".livepatch.depends");
    j["xen_build_id"] = note_id(o, ".livepatch.xen_depends");
    j["size"] = m->size;
    j["metadata"] = Json::object();
    for (const auto& [key, value] : manifest::modinfo(*m))
        j["metadata"][key] = value;
    j["functions"] = m->functions;
    j["sections"] = sections_of(o);
    j["defines"] = symbols_of(o, false);
    j["refers_to"] = symbols_of(o, true);
    return j;
}

std::vector<std::string> to_lines(const Json& j) {
    auto text = [](const Json& one) { return one.get<std::string>(); };
    std::vector<std::string> lines = {"build-id     " + text(j.at("build_id")),
                                      "depends on   " + text(j.at("depends")),
                                      "hypervisor   " + text(j.at("xen_build_id"))};
    for (const auto& [key, value] : j.at("metadata").items())
        lines.push_back(fmt::format("{:<12} {}", key, text(value)));
    lines.emplace_back("\nreplaces");
    for (const Json& function : j.at("functions"))
        lines.push_back("  " + text(function));
    lines.emplace_back("\nsections");
    for (const Json& s : j.at("sections"))
        lines.push_back(fmt::format(
            "  {:<24} {:>7} bytes  {}{}  {} relocations", text(s.at("name")),
            s.at("size").get<std::uint64_t>(), s.at("writable").get<bool>() ? "w" : "-",
            s.at("executable").get<bool>() ? "x" : "-", s.at("relocations").get<std::size_t>()));
    lines.emplace_back("\nrefers to");
    for (const Json& symbol : j.at("refers_to"))
        lines.push_back("  " + text(symbol));
    return lines;
}

std::vector<std::string> disassembly(const elf::Object& o) {
    const disasm::Disassembler disassembler;
    const Functions functions(o);
    std::vector<std::string> lines;
    for (const elf::Section& s : o.sections()) {
        if (!s.alloc() || !s.executable())
            continue;
        for (const disasm::Instruction& i : disassembler.all(s.bytes, 0)) {
            if (auto name = functions.at(s.index, i.address); !name.empty())
                lines.push_back(fmt::format("\n{}:", name));
            std::string line = fmt::format("  {:5x}  {}", i.address, i.text);
            if (const auto* r = relocation_in(s, i.address, i.end())) {
                // a field that is relative counts from the instruction's end
                const bool absolute = r->type == R_X86_64_64;
                const auto rest = static_cast<std::int64_t>(i.end() - r->offset);
                line += fmt::format("  <{}>", target_of(o, functions, *r, absolute ? 0 : rest));
            }
            lines.push_back(std::move(line));
        }
    }
    return lines;
}

} // namespace xlp::report
