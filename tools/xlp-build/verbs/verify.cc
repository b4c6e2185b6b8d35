// SPDX-License-Identifier: GPL-2.0-only
// `xlp-build verify`: what Xen would do with a payload, without Xen.
#include "payload/base/bytes.h"
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "payload/load/report.h"
#include "payload/pipeline/loader.h"
#include "tools/xlp-build/verbs/image.h"
#include "tools/xlp-build/verbs/verbs.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp::build {

namespace {

namespace po = cli::po;

struct VerifyInputs {
    xen::Image image;
    std::optional<xen::Version> version;
    std::optional<xen::EfiMap> efi_map;
};

Result<VerifyInputs> read_inputs(const po::variables_map& vm) {
    VerifyInputs given;
    auto version = version_given(vm);
    if (!version)
        return fail(version);
    given.version = *version;
    Findings findings;
    auto image = read_image(vm, MapAlone::taken);
    if (image)
        given.image = std::move(*image);
    else
        append(findings, std::move(image.error()));
    if (vm.count("efi-map") && !vm.count("xen-efi")) {
        auto map = xen::EfiMap::read(vm["efi-map"].as<std::string>());
        if (map)
            given.efi_map = std::move(*map);
        else
            append(findings, std::move(map.error()));
    }
    if (!findings.empty())
        return fail(std::move(findings));
    return given;
}

// Those below are taken for applied, so they must be good themselves.
Result<void> load_below(const po::variables_map& vm, pipeline::Loader& loader, Findings& findings) {
    if (!vm.count("below"))
        return {};
    for (const std::string& file : vm["below"].as<std::vector<std::string>>()) {
        auto bytes = read_file(file);
        if (!bytes)
            return fail(bytes);
        auto verdict = loader.apply(*bytes, pipeline::upload_name(file));
        if (!verdict)
            return fail(verdict);
        append(findings, std::move(verdict->findings));
    }
    return {};
}

Result<void> verify(const po::variables_map& vm, const cli::Output& out, Json& doc,
                    Findings& findings) {
    const std::string file = vm["payload"].as<std::string>();
    doc["payload"] = file;
    auto given = read_inputs(vm);
    if (!given)
        return fail(given);
    const xen::Image& image = given->image;
    doc["xen"] = {{"version", image.version().text()}, {"build_id", hex(image.build_id())}};
    pipeline::Loader loader(image, given->version, std::move(given->efi_map));
    if (auto loaded = load_below(vm, loader, findings); !loaded)
        return loaded;
    auto bytes = read_file(file);
    if (!bytes)
        return fail(bytes);
    load::Verdict verdict = loader.load(*bytes, pipeline::upload_name(file));
    doc.update(load::to_json(verdict));
    out.text(fmt::format("{} on Xen {}, build-id {}", file, image.version().text(),
                         hex(image.build_id())));
    for (const std::string& line : load::to_lines(verdict))
        out.text(line);
    append(findings, std::move(verdict.findings));
    out.text(has_errors(findings) ? "verdict: do not load it" : "verdict: good");
    return {};
}

} // namespace

cli::Verb verify_verb() {
    po::options_description o("Options");
    const auto text = [] { return po::value<std::string>(); };
    add_image_options(o);
    o.add_options()("below", po::value<std::vector<std::string>>()->value_name("PAYLOAD"),
                    "a payload that is already applied (repeatable, from the bottom up)")(
        "payload", text()->required(), "the payload");
    cli::Verb v{"verify",
                "PAYLOAD --xen-syms FILE [--below PAYLOAD...] [OPTIONS]",
                "predict what the hypervisor would do with a payload",
                o,
                {"payload"},
                "  xlp-build verify fix.livepatch --xen-syms xen-syms-4.17-amd64\n",
                verify};
    return cli::with_base(std::move(v), {{"--xen-syms", "xen_syms"}});
}

} // namespace xlp::build
