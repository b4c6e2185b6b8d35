// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/bytes.h"
#include "payload/base/json.h"
#include "payload/elf/note.h"
#include "payload/manifest/manifest.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::manifest {
namespace {

using Json = nlohmann::ordered_json;

// Collects what is wrong, so that all of it is said at once.
class Reader {
public:
    Reader(std::string origin) : origin_(std::move(origin)) {}

    std::string text(const Json& j, const char* key, bool needed = false) {
        const Json* v = member(j, key, needed);
        if (v && !v->is_string())
            wrong(fmt::format("`{}' is not a string.", key));
        return v && v->is_string() ? v->get<std::string>() : std::string();
    }

    std::string hex(const Json& j, const char* key, bool needed) {
        const std::string s = text(j, key, needed);
        if (!s.empty() && !from_hex(s))
            wrong(fmt::format("`{}' is not hexadecimal.", key));
        if (s.empty() && needed)
            wrong(fmt::format("`{}' is empty.", key));
        return s;
    }

    std::vector<std::string> list(const Json& j, const char* key) {
        std::vector<std::string> out;
        const Json* v = member(j, key, false);
        if (!v)
            return out;
        if (!v->is_array()) {
            wrong(fmt::format("`{}' is not a list.", key));
            return out;
        }
        for (const Json& e : *v)
            if (e.is_string())
                out.push_back(e);
            else
                wrong(fmt::format("`{}' holds something that is not a string.", key));
        return out;
    }

    const Json& object(const Json& j, const char* key) {
        static const Json empty = Json::object();
        const Json* v = member(j, key, true);
        if (v && !v->is_object())
            wrong(fmt::format("`{}' is not an object.", key));
        return v && v->is_object() ? *v : empty;
    }

    std::uint64_t number(const Json& j, const char* key) {
        const Json* v = member(j, key, true);
        if (v && !v->is_number_unsigned())
            wrong(fmt::format("`{}' is not a number of bytes.", key));
        return v && v->is_number_unsigned() ? v->get<std::uint64_t>() : 0;
    }

    void wrong(std::string why) {
        findings_.push_back(bad_input("manifest.malformed", std::move(why),
                                      "docs/manifest.md has the schema.", {origin_, {}, {}, 0}));
    }

    const Findings& findings() const { return findings_; }

private:
    const Json* member(const Json& j, const char* key, bool needed) {
        auto it = j.find(key);
        if (it == j.end() && needed)
            wrong(fmt::format("`{}' is missing.", key));
        return it == j.end() ? nullptr : &*it;
    }

    std::string origin_;
    Findings findings_;
};

std::vector<Input> inputs(Reader& r, const Json& j) {
    std::vector<Input> out;
    auto it = j.find("inputs");
    if (it == j.end())
        return out;
    if (!it->is_array()) {
        r.wrong("`inputs' is not a list.");
        return out;
    }
    for (const Json& e : *it)
        if (e.is_object())
            out.push_back({r.text(e, "role"), r.text(e, "file"), r.hex(e, "sha256", false)});
        else
            r.wrong("`inputs' holds something that is not an object.");
    return out;
}

} // namespace

Result<Manifest> parse(std::string_view text, const std::string& origin) {
    const Where at{origin, {}, {}, 0};
    if (text.size() > max_manifest_size)
        return fail(bad_input("manifest.size", "The manifest is larger than 4 MiB.", {}, at));
    const Json j = Json::parse(text, nullptr, false);
    if (!j.is_object())
        return fail(bad_input("manifest.malformed", "The manifest is not a JSON object.",
                              "docs/manifest.md has the schema.", at));
    Reader r(origin);
    const std::string version = r.text(j, "schema", true);
    if (version != schema)
        return fail(bad_input(
            "manifest.schema",
            fmt::format("The manifest's schema is `{}'; this tool reads `{}'.", version, schema),
            "Use a tool of the release that made it.", at));
    Manifest m;
    m.name = r.text(j, "name", true);
    m.title = r.text(j, "title");
    const Json& payload = r.object(j, "payload");
    m.file = r.text(payload, "file");
    m.sha256 = r.hex(payload, "sha256", true);
    m.size = r.number(payload, "size");
    m.build_id = r.hex(payload, "build_id", true);
    m.depends = r.hex(payload, "depends", true);
    const Json& xen = r.object(j, "xen");
    m.xen_build_id = r.hex(xen, "build_id", true);
    m.xen_version = r.text(xen, "version");
    m.advisories = r.list(j, "advisories");
    m.cves = r.list(j, "cves");
    m.supersedes = r.list(j, "supersedes");
    m.functions = r.list(j, "functions");
    m.inputs = inputs(r, j);
    const Json& tool = r.object(j, "tool");
    m.tool = r.text(tool, "name");
    m.tool_version = r.text(tool, "version");
    if (has_errors(r.findings()))
        return fail(r.findings());
    return m;
}

} // namespace xlp::manifest
