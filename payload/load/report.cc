// SPDX-License-Identifier: GPL-2.0-only
#include "payload/load/report.h"

#include "payload/base/bytes.h"
#include "payload/base/json.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::load {

using Json = nlohmann::ordered_json;

namespace {

std::string hexadecimal(Address a) {
    return fmt::format("{:#x}", a);
}

const char* name_of(Origin o) {
    switch (o) {
    case Origin::payload:
        return "payload";
    case Origin::hypervisor:
        return "hypervisor";
    case Origin::other_payload:
        return "other payload";
    case Origin::absolute:
        return "absolute";
    case Origin::ignored:
        return "ignored";
    }
    return "";
}

Json to_json(const Answer& a) {
    Json j = {{"outcome", name_of(a.outcome)}, {"stage", name_of(a.stage)}};
    if (a.error)
        j["errno"] = errno_text(a.error);
    if (!a.log.empty())
        j["log"] = a.log;
    return j;
}

Json to_json(const FunctionRecord& f) {
    Json j = {{"name", f.name},
              {"old_address", hexadecimal(f.old_address)},
              {"old_size", f.old_size},
              {"new_address", hexadecimal(f.new_address)},
              {"new_size", f.new_size},
              {"found_by", f.by_name ? "name" : f.absolute ? "number" : "relocation"}};
    if (f.expect.enabled)
        j["expected"] = hex(View(f.expect.data.data(), f.expect.length));
    if (!f.patch.empty()) {
        j["patched_at"] = hexadecimal(f.old_address + f.patch_offset);
        j["patch"] = hex(f.patch);
        j["replaced"] = hex(f.replaced);
    }
    return j;
}

Json to_json(const Loaded& l) {
    Json j = {{"name", l.name},
              {"base", hexadecimal(l.base)},
              {"pages", l.pages},
              {"build_id", hex(l.build_id)},
              {"depends", hex(l.depends)},
              {"safe_to_reapply", l.safe_to_reapply}};
    Json& sections = j["sections"] = Json::array();
    for (const PlacedSection& s : l.sections)
        sections.push_back({{"name", s.name},
                            {"region", name_of(s.region)},
                            {"address", hexadecimal(s.address)},
                            {"size", s.size},
                            {"align", s.align}});
    Json& functions = j["functions"] = Json::array();
    for (const FunctionRecord& f : l.functions)
        functions.push_back(to_json(f));
    Json& symbols = j["symbols"] = Json::array();
    for (const ResolvedSymbol& s : l.symbols) {
        if (s.name.empty())
            continue;
        Json symbol = {{"name", s.name},
                       {"address", hexadecimal(s.value)},
                       {"origin", name_of(s.origin)},
                       {"exported", s.exported}};
        if (!s.other.empty())
            symbol["payload"] = s.other;
        symbols.push_back(std::move(symbol));
    }
    return j;
}

std::string answer_line(const char* what, const Answer& a) {
    std::string line = fmt::format("{:<24}{}", what, name_of(a.outcome));
    if (a.outcome != Outcome::accepted)
        line += fmt::format(" at {}{}{}", name_of(a.stage), a.error ? ": " : "",
                            a.error ? errno_text(a.error) : "");
    return line;
}

} // namespace

Json to_json(const Verdict& v) {
    Json j = {{"good", v.good()}, {"upload", to_json(v.upload)}};
    if (v.upload.outcome == Outcome::accepted)
        j["apply"] = to_json(v.apply);
    if (v.upload.outcome == Outcome::accepted && v.apply.outcome == Outcome::accepted)
        j["revert"] = to_json(v.revert);
    Json& stages = j["stages"] = Json::array();
    for (const StageReport& s : v.stages)
        stages.push_back(
            {{"stage", name_of(s.stage)}, {"outcome", name_of(s.outcome)}, {"detail", s.detail}});
    j["loaded"] = to_json(*v.loaded);
    return j;
}

std::vector<std::string> to_lines(const Verdict& v) {
    std::vector<std::string> lines;
    for (const StageReport& s : v.stages)
        lines.push_back(
            s.detail.empty()
                ? fmt::format("  {:<22}{}", name_of(s.stage), name_of(s.outcome))
                : fmt::format("  {:<22}{:<10}{}", name_of(s.stage), name_of(s.outcome), s.detail));
    lines.push_back(answer_line("upload", v.upload));
    if (v.upload.outcome == Outcome::accepted)
        lines.push_back(answer_line("apply", v.apply));
    if (v.upload.outcome == Outcome::accepted && v.apply.outcome == Outcome::accepted)
        lines.push_back(answer_line("revert", v.revert));
    for (const Answer* a : {&v.upload, &v.apply})
        if (!a->log.empty())
            lines.push_back(fmt::format("Xen prints: livepatch: {}: {}", v.loaded->name, a->log));
    return lines;
}

} // namespace xlp::load
