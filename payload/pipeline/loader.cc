// SPDX-License-Identifier: GPL-2.0-only
#include "payload/pipeline/loader.h"

#include "payload/match/tables.h"
#include "payload/pipeline/passes.h"
#include "payload/pipeline/stack.h"

namespace xlp::pipeline {

Loader::Loader(const xen::Image& image, std::optional<xen::Version> version,
               std::optional<xen::EfiMap> efi_map)
    : image_(image), efi_map_(std::move(efi_map)) {
    options_.version = version;
    options_.efi_map = efi_map_ ? &*efi_map_ : nullptr;
    options_.rewritten = match::Tables::read(image).rewritten;
}

load::Verdict Loader::load(View payload, const std::string& name) const {
    load::Options options = options_;
    options.name = name;
    return load::load(payload, image_, options);
}

load::Verdict Loader::load_above_unknown(View payload, const std::string& name) const {
    load::Options options = options_;
    options.name = name;
    options.check_stack_dependency = false;
    return load::load(payload, image_, options);
}

Result<load::Verdict> Loader::apply(View payload, const std::string& name) {
    load::Verdict verdict = load(payload, name);
    if (!verdict.good()) {
        Findings why = std::move(verdict.findings);
        why.push_back(refusal(
            "load.stack.below", "The payload below cannot or should not be loaded.",
            "List the payloads below from the bottom of the stack upwards.", {name, {}, {}, 0}));
        return fail(std::move(why));
    }
    owned_.push_back(verdict.loaded);
    options_.below.push_back(verdict.loaded.get());
    return verdict;
}

std::string upload_name(const std::filesystem::path& file) {
    const std::string stem = file.stem().string();
    return stem.empty() ? "payload" : stem;
}

Result<void> load_payload(Context& c) {
    if (c.options.stack) {
        c.verdict = c.options.stack->loader().load(c.payload.bytes, c.options.name);
        append(c.findings, c.verdict.findings);
        return {};
    }
    const Loader loader(c.image);
    const bool above = !c.options.depends.empty() && c.options.depends != c.image.build_id();
    c.verdict = above ? loader.load_above_unknown(c.payload.bytes, c.options.name)
                      : loader.load(c.payload.bytes, c.options.name);
    append(c.findings, c.verdict.findings);
    if (above)
        c.findings.push_back(
            note("load.dependency.not-given",
                 "The payload depends on another payload that is not available: whether they fit "
                 "together was not checked.",
                 "Specify the payload below, so that this one is built and checked on top of it.",
                 {c.options.name, {}, {}, 0}));
    return {};
}

} // namespace xlp::pipeline
