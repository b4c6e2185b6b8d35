// SPDX-License-Identifier: GPL-2.0-only
#include "payload/report/html.h"

#include "payload/base/bytes.h"
#include "payload/base/json.h"
#include "payload/report/align.h"
#include "payload/report/listing.h"
#include "payload/report/style.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::report {

namespace {

using Json = nlohmann::ordered_json;

std::string escape(std::string_view s) {
    std::string out;
    for (char c : s) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        default:
            out += c;
        }
    }
    return out;
}

std::string text(const Json& j, const char* key) {
    return j.is_object() && j.contains(key) && j[key].is_string() ? j[key].get<std::string>()
                                                                  : std::string();
}

std::string words(const Json& j, const char* key) {
    std::string s;
    if (j.is_object() && j.contains(key) && j[key].is_array())
        for (const Json& one : j[key])
            if (one.is_string())
                s += (s.empty() ? "" : ", ") + one.get<std::string>();
    return s;
}

class Page {
public:
    explicit Page(const Subject& s) : s_(s) {}

    std::string render() {
        head();
        overview();
        contents();
        findings();
        functions();
        stages();
        memory();
        symbols();
        out_ += "</main></body></html>\n";
        return std::move(out_);
    }

private:
    template <class... Args>
    void put(fmt::format_string<Args...> format, Args&&... args) {
        out_ += fmt::format(format, std::forward<Args>(args)...);
    }
    void section(const char* title) { put("<h2>{}</h2>\n", title); }
    void fact(const char* name, const std::string& value) {
        if (!value.empty())
            put("<dt>{}</dt><dd>{}</dd>\n", name, escape(value));
    }

    void head();
    void overview();
    void contents();
    void findings();
    void functions();
    void function(const load::FunctionRecord&, const disasm::Disassembler&);
    void stages();
    void memory();
    void symbols();

    const Subject& s_;
    std::string out_;
};

void Page::head() {
    put("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>{0}</title>\n<style>{1}</style></head><body><main>\n<h1>{0}</h1>\n",
        escape(s_.name), style);
}

void Page::overview() {
    const Json& m = s_.manifest;
    put("<p class=\"verdict {}\">{}</p>\n<dl>\n", s_.verdict.good() ? "good" : "bad",
        s_.verdict.good() ? "The loader model accepts this payload."
                          : "The loader model rejects this payload.");
    fact("Title", text(m, "title"));
    fact("Advisories", words(m, "advisories"));
    fact("CVEs", words(m, "cves"));
    fact("Hypervisor", "Xen " + s_.image.version().text());
    fact("Hypervisor's build-id", hex(s_.image.build_id()));
    if (s_.verdict.loaded) {
        fact("Build-id", hex(s_.verdict.loaded->build_id));
        fact("Applied on top of", hex(s_.verdict.loaded->depends));
        fact("Can be re-applied after a revert",
             s_.verdict.loaded->safe_to_reapply ? "yes" : "no, it must be unloaded first");
    }
    put("</dl>\n");
}

// The chain of reasons, from the manifest.
void Page::contents() {
    if (!s_.manifest.is_object() || !s_.manifest.contains("contents"))
        return;
    section("Contents, and why each is there");
    put("<div class=\"wide\"><table><tr><th>What</th><th>Role</th><th>Unit</th><th>Bytes</th>"
        "<th>Why</th></tr>\n");
    for (const Json& c : s_.manifest["contents"]) {
        const Json& d = c.contains("first_difference") ? c["first_difference"] : Json();
        std::string why = escape(text(c, "reason"));
        if (!text(d, "source").empty())
            why += " <small>first at " + escape(text(d, "source")) + "</small>";
        put("<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            escape(text(c, "name")), escape(text(c, "role")), escape(text(c, "unit")),
            c.value("size", 0), why);
    }
    put("</table></div>\n");
    const std::string line_only = words(s_.manifest, "line_only");
    if (!line_only.empty())
        put("<p>Left out, because they differ only in line numbers: {}.</p>\n", escape(line_only));
    const std::string left_out = words(s_.manifest, "left_out");
    if (!left_out.empty())
        put("<p>Left out at the builder's request, although the patch changes them: {}.</p>\n",
            escape(left_out));
}

void Page::findings() {
    section("Findings");
    if (s_.verdict.findings.empty()) {
        put("<p>None.</p>\n");
        return;
    }
    put("<ul>\n");
    for (const Finding& f : s_.verdict.findings)
        put("<li class=\"{}\"><b>{}</b> {}{} {}</li>\n", f.severity == Severity::error ? "bad" : "",
            escape(f.code), f.where.function.empty() ? "" : escape(f.where.function) + ": ",
            escape(f.why), escape(f.remedy));
    put("</ul>\n");
}

void Page::functions() {
    if (!s_.verdict.loaded)
        return;
    section("Old and new code");
    const disasm::Disassembler disassembler;
    for (const load::FunctionRecord& f : s_.verdict.loaded->functions)
        function(f, disassembler);
}

void Page::function(const load::FunctionRecord& f, const disasm::Disassembler& disassembler) {
    const auto before = old_code(f, s_.image, disassembler);
    const auto after = new_code(f, *s_.verdict.loaded, s_.image, disassembler);
    auto keys = [](const std::vector<Line>& lines) {
        std::vector<std::string> k;
        k.reserve(lines.size());
        for (const Line& l : lines)
            k.push_back(l.key);
        return k;
    };
    put("<details{}><summary><code>{}</code> {:#x}, {} bytes &rarr; {:#x}, {} bytes</summary>\n"
        "<div class=\"wide\"><table class=\"code\"><tr><th colspan=\"2\">running</th>"
        "<th colspan=\"2\">payload</th></tr>\n",
        s_.verdict.loaded->functions.size() == 1 ? " open" : "", escape(f.name), f.old_address,
        f.old_size, f.new_address, f.new_size);
    for (const Row& r : align(keys(before), keys(after))) {
        const char* kind = !r.left ? "added" : !r.right ? "removed" : "same";
        put("<tr class=\"{}\">", kind);
        if (r.left)
            put("<td>{:x}</td><td>{}</td>", before[*r.left].offset, escape(before[*r.left].text));
        else
            put("<td></td><td></td>");
        if (r.right)
            put("<td>{:x}</td><td>{}</td>", after[*r.right].offset, escape(after[*r.right].text));
        else
            put("<td></td><td></td>");
        put("</tr>\n");
    }
    put("</table></div></details>\n");
}

void Page::stages() {
    section("Loader stages");
    put("<div class=\"wide\"><table><tr><th>Stage</th><th>Result</th><th></th></tr>\n");
    for (const load::StageReport& r : s_.verdict.stages)
        put("<tr class=\"{}\"><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            r.outcome == load::Outcome::accepted ? "" : "bad", load::name_of(r.stage),
            load::name_of(r.outcome), escape(r.detail));
    put("</table></div>\n");
}

void Page::memory() {
    if (!s_.verdict.loaded || s_.verdict.loaded->sections.empty())
        return;
    section("Memory layout in the hypervisor");
    const auto& sections = s_.verdict.loaded->sections;
    std::uint64_t total = 1;
    for (const load::PlacedSection& s : sections)
        total += s.size;
    put("<div class=\"bar\">");
    for (const load::PlacedSection& s : sections)
        put("<span class=\"{}\" style=\"flex-grow:{}\" title=\"{} {} bytes\"></span>",
            load::name_of(s.region), 1 + s.size * 1000 / total, escape(s.name), s.size);
    put("</div>\n<div class=\"wide\"><table><tr><th>Section</th><th>Address</th><th>Bytes</th>"
        "<th>Mapped</th></tr>\n");
    for (const load::PlacedSection& s : sections)
        put("<tr><td><code>{}</code></td><td>{:#x}</td><td>{}</td><td class=\"{}\">{}</td></tr>\n",
            escape(s.name), s.address, s.size, load::name_of(s.region), load::name_of(s.region));
    put("</table></div>\n");
}

void Page::symbols() {
    if (!s_.verdict.loaded)
        return;
    section("Symbols it refers to in the hypervisor");
    put("<div class=\"wide\"><table><tr><th>Symbol</th><th>Address</th></tr>\n");
    for (const load::ResolvedSymbol& s : s_.verdict.loaded->symbols)
        if (s.origin == load::Origin::hypervisor || s.origin == load::Origin::other_payload)
            put("<tr><td><code>{}</code></td><td>{:#x}</td></tr>\n", escape(s.name), s.value);
    put("</table></div>\n");
}

} // namespace

std::string html(const Subject& subject) {
    return Page(subject).render();
}

} // namespace xlp::report
