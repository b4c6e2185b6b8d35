// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/verbs/publish.h"

#include "payload/base/bytes.h"
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "payload/elf/writer.h"
#include "payload/report/explain.h"
#include "payload/report/html.h"

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

Result<void> write_text(const fs::path& path, const std::string& text) {
    return write_file(path, text);
}

} // namespace

Result<void> publish(const fs::path& output, const manifest::Manifest& given,
                     const xen::Image& image, const pipeline::Assembly& assembly) {
    const Bytes& payload = assembly.payload.bytes;
    auto told = manifest::describe(payload, output.filename().string());
    if (!told)
        return fail(told);
    manifest::Manifest m = given;
    m.file = told->file;
    m.sha256 = told->sha256;
    m.size = told->size;
    m.build_id = told->build_id;
    m.depends = told->depends;
    m.xen_build_id = told->xen_build_id;
    m.functions = told->functions;
    m.xen_version = image.version().text();
    if (assembly.partial)
        m.partial = m.advisories;
    nlohmann::ordered_json json = manifest::to_json(m);
    const Json reasons = report::describe(assembly);
    json["contents"] = reasons["contents"];
    json["line_only"] = reasons["line_only"];
    json["left_out"] = reasons["left_out"];
    const fs::path beside = manifest::manifest_path(output);
    if (auto ok = write_text(beside, json.dump(2) + "\n"); !ok)
        return ok;
    if (auto ok = write_file(output, payload); !ok) {
        std::error_code ignored;
        fs::remove(beside, ignored);
        return ok;
    }
    return {};
}

Result<void> write_report(const fs::path& payload, const xen::Image& image,
                          const load::Verdict& verdict, const fs::path& output) {
    nlohmann::ordered_json manifest;
    std::error_code error;
    if (const fs::path beside = manifest::manifest_path(payload); fs::exists(beside, error)) {
        auto text = read_file(beside);
        if (!text)
            return fail(text);
        manifest = nlohmann::ordered_json::parse(text->begin(), text->end(), nullptr, false);
    }
    const std::string page =
        report::html({payload.filename().string(), image, verdict, std::move(manifest)});
    return write_text(output, page);
}

} // namespace xlp::build
