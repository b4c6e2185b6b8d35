// SPDX-License-Identifier: GPL-2.0-only
// xlp-build report: one HTML page about a payload.
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "payload/pipeline/loader.h"
#include "tools/xlp-build/verbs/image.h"
#include "tools/xlp-build/verbs/publish.h"
#include "tools/xlp-build/verbs/verbs.h"

#include <nlohmann/json.hpp>

namespace xlp::build {

namespace po = cli::po;

namespace {

Result<void> run_report(const po::variables_map& vm, const cli::Output& out, Json& doc, Findings&) {
    auto image = read_image(vm);
    if (!image)
        return fail(image);
    const std::string output = vm["output"].as<std::string>();
    const std::filesystem::path payload = vm["payload"].as<std::string>();
    auto bytes = read_file(payload);
    if (!bytes)
        return fail(bytes);
    const load::Verdict verdict =
        pipeline::Loader(*image).load(*bytes, pipeline::upload_name(payload));
    if (auto ok = write_report(payload, *image, verdict, output); !ok)
        return ok;
    doc["output"] = output;
    out.text(output);
    return {};
}

} // namespace

cli::Verb report_verb() {
    cli::Verb v;
    v.name = "report";
    v.arguments = "PAYLOAD --xen-syms FILE -o FILE.html";
    v.summary = "write an HTML report about a payload";
    v.options.add_options()("payload", po::value<std::string>()->required(), "")(
        "output,o", po::value<std::string>()->required()->value_name("FILE"), "output file");
    add_image_options(v.options);
    v.positional = {"payload"};
    v.examples = "  xlp-build report xsa480.livepatch --xen-syms xen-syms-4.17 -o xsa480.html\n";
    v.run = run_report;
    return cli::with_base(std::move(v), {{"--xen-syms", "xen_syms"}});
}

} // namespace xlp::build
