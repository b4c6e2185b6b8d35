// SPDX-License-Identifier: GPL-2.0-only
#include "payload/manifest/manifest.h"
#include "payload/manifest/reader.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::manifest {
namespace {

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
    Reader r(origin, "manifest.malformed", "docs/manifest.md has the schema.");
    const std::string version = r.text(j, "schema", true);
    if (version != schema)
        return fail(bad_input(
            "manifest.schema",
            fmt::format("The manifest's schema is `{}'; this tool reads `{}'.", version, schema),
            "Use the release of xlp that wrote it.", at));
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
    m.partial = r.list(j, "partial");
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
