// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/publish.h"

#include "payload/elf/writer.h"
#include "payload/report/html.h"
#include "tools/xlp-build/explain.h"

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

Result<void> write_text(const fs::path& path, const std::string& text) {
    return elf::write_file(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

} // namespace

Result<void> publish(const fs::path& output, const manifest::Manifest& given,
                     const xen::Image& image, const Assembly& assembly) {
    const elf::Bytes& payload = assembly.payload.bytes;
    auto told = manifest::describe(payload, output.filename().string());
    if (!told)
        return tl::unexpected(std::move(told.error()));
    manifest::Manifest m = given;
    m.file = told->file;
    m.sha256 = told->sha256;
    m.size = told->size;
    m.build_id = told->build_id;
    m.depends = told->depends;
    m.xen_build_id = told->xen_build_id;
    m.functions = told->functions;
    m.xen_version = image.version().text();
    nlohmann::ordered_json json = manifest::to_json(m);
    const cli::Json reasons = describe(assembly);
    json["contents"] = reasons["contents"];
    json["line_only"] = reasons["line_only"];
    json["left_out"] = reasons["left_out"];
    const fs::path beside = manifest::manifest_path(output);
    if (auto ok = write_text(beside, json.dump(2) + "\n"); !ok)
        return ok;
    if (auto ok = elf::write_file(output, payload); !ok) {
        std::error_code ignored;
        fs::remove(beside, ignored);
        return ok;
    }
    return {};
}

Result<void> write_report(const fs::path& payload, const xen::Image& image,
                          const fs::path& output) {
    auto bytes = elf::read_file(payload);
    if (!bytes)
        return tl::unexpected(std::move(bytes.error()));
    nlohmann::ordered_json manifest;
    std::error_code error;
    if (const fs::path beside = manifest::manifest_path(payload); fs::exists(beside, error)) {
        auto text = elf::read_file(beside);
        if (!text)
            return tl::unexpected(std::move(text.error()));
        manifest = nlohmann::ordered_json::parse(text->begin(), text->end(), nullptr, false);
    }
    load::Options options;
    options.name = payload.stem().string();
    const load::Verdict verdict = load::load(*bytes, image, options);
    const std::string page =
        report::html({payload.filename().string(), image, verdict, std::move(manifest)});
    return write_text(output, page);
}

} // namespace xlp::build
