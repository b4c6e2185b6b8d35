// SPDX-License-Identifier: GPL-2.0-only
#include "payload/pipeline/pipeline.h"

#include "payload/pipeline/passes.h"
#include "payload/pipeline/stack.h"

#include <algorithm>
#include <iterator>

namespace xlp::pipeline {

namespace {

using Pass = Result<void> (*)(Context&);

constexpr Pass passes[] = {
    read,
    unite_renamed,
    compare,
    ask_for_stable_lines,
    compare_stable_lines,
    match_originals,
    select,
    check_old_code,
    check_trampolines,
    check_callers,
    check_bring_up,
    check_types,
    check_readers,
    check_endbr,
    account,
    judge,
    emit_payload,
    load_payload,
    judge,
};

// Refusals about a part of the patch: if one is allowed, the payload is only a part of the fix. A
// hook may do the work of assembly, which no payload replaces.
bool is_about_a_part(const Finding& f, bool hooks) {
    return f.code == "init.half" || f.code == "init.bring-up" || f.code == "account.lost"
           || (!hooks
               && (f.code == "assembly.changed" || f.code == "assembly.added"
                   || f.code == "select.entry-text"));
}

} // namespace

Result<void> judge(Context& c) {
    c.lines->locate(c.program, c.findings);
    c.partial |= std::any_of(c.findings.begin(), c.findings.end(), [&](const Finding& f) {
        return is_about_a_part(f, !c.selection.hooks.empty()) && c.options.allowances.covers(f);
    });
    c.partial |= !c.options.left_out.empty();
    c.options.allowances.apply(c.findings);
    if (has_errors(c.findings))
        return fail(std::move(c.findings));
    return {};
}

Result<void> account(Context& c) {
    c.account = diff::account_for(c.program, c.selection, *c.binder, c.findings);
    append(c.findings, c.account.unsettled);
    return {};
}

Result<void> emit_payload(Context& c) {
    emit::Options options;
    options.depends = c.options.depends;
    if (options.depends.empty())
        options.depends = c.options.stack ? c.options.stack->top() : c.image.build_id();
    options.modinfo = c.options.modinfo;
    if (c.partial)
        for (const auto& [key, value] : c.options.modinfo)
            if (key == "advisories") {
                options.modinfo.emplace_back("partial", value);
                break;
            }
    options.expectations = std::move(c.expectations);
    auto payload = emit::emit(c.program, c.selection, *c.binder, options);
    if (!payload) {
        append(c.findings, std::move(payload.error()));
        return fail(std::move(c.findings));
    }
    c.payload = std::move(*payload);
    return {};
}

Pipeline::Pipeline(std::vector<ObjectPair> pairs, const xen::Image& image, Options options)
    : context_(std::make_unique<Context>(std::move(pairs), image, std::move(options))) {}
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline::~Pipeline() = default;

Result<Needs> Pipeline::advance() {
    context_->needs.clear();
    while (next_ < std::size(passes) && context_->needs.empty())
        if (auto ok = passes[next_++](*context_); !ok)
            return fail(ok);
    return context_->needs;
}

Result<void> Pipeline::supply(const Need& need, const std::filesystem::path& object) {
    if (object.empty())
        return {};
    const auto& pairs = context_->pairs;
    const auto pair = std::find_if(pairs.begin(), pairs.end(),
                                   [&](const ObjectPair& p) { return p.name == need.unit; });
    auto module =
        read_module(object, context_->image, pair == pairs.end() ? std::string() : pair->source);
    if (!module)
        return fail(module);
    context_->supplied.insert_or_assign(need, std::move(*module));
    return {};
}

Assembly Pipeline::result() && {
    Context& c = *context_;
    return {std::move(c.program),
            std::move(c.selection),
            std::move(c.account),
            std::move(c.payload),
            std::move(c.verdict),
            std::move(c.options.left_out),
            c.partial,
            std::move(c.findings),
            std::move(c.lines)};
}

} // namespace xlp::pipeline
