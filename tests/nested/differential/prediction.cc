// SPDX-License-Identifier: GPL-2.0-only
#include "tests/nested/differential/prediction.h"

#include "payload/xen/contract.h"

#include <algorithm>

namespace xlp::differential {

namespace {

using load::Loaded;
using xen::Address;

constexpr std::uint8_t hook_code[] = {0xf3, 0x0f, 0x1e, 0xfa, 0x31, 0xc0, 0xc3};

bool has_code(const Loaded& l, Address at, View code) {
    return l.text.contains(at) && l.text.contains(at + code.size() - 1)
           && std::equal(code.begin(), code.end(),
                         l.memory.begin() + static_cast<std::ptrdiff_t>(at - l.base));
}

// Hooks that are called are the sample's, or cannot be called at all.
bool known_hooks(const Loaded& l, const xen::Image& image) {
    for (const load::PlacedSection& s : l.sections)
        if (s.name.starts_with(".livepatch.hooks."))
            for (std::uint64_t i = 0; i + 8 <= s.size; i += 8) {
                Address hook;
                std::memcpy(&hook, &l.memory[s.address + i - l.base], sizeof hook);
                const bool executable = l.text.contains(hook) || image.text().contains(hook);
                if (executable && !has_code(l, hook, hook_code))
                    return false;
            }
    return true;
}

bool known_functions(const Loaded& l, const sample::Target& target, const xen::Image& image) {
    const auto first = image.resolve(target.function), second = image.resolve(target.second);
    for (const load::FunctionRecord& f : l.functions) {
        if (f.old_address != first && f.old_address != second)
            return false;
        if (!f.new_address && f.new_size > 12 && f.patch_offset <= f.new_size)
            return false; // no-operations over what follows the function
    }
    return true;
}

} // namespace

Prediction predict(const Case& c, const sample::Target& target, const xen::Image& image,
                   const std::string& name) {
    load::Options options;
    options.name = name;
    const load::Verdict v = load::load(c.bytes, image, options);
    Prediction p;
    p.upload = v.upload;
    p.apply = v.apply;
    p.revert = v.revert;
    if (!xen::has(image.version(), xen::Feature::logged_reasons))
        p.upload.log = p.apply.log = p.revert.log = {};
    p.applied =
        v.upload.outcome == load::Outcome::accepted
        && (v.apply.outcome != load::Outcome::accepted
            || (known_hooks(*v.loaded, image) && known_functions(*v.loaded, target, image)));
    for (const Finding& f : v.findings)
        if (f.severity == Severity::error)
            p.errors.push_back(f.code);
    return p;
}

} // namespace xlp::differential
