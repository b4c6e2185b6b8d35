// SPDX-License-Identifier: GPL-2.0-only
#include "payload/load/rules.h"

namespace xlp::load {

namespace {

// FEATURESET_NR_ENTRIES + X86_NR_SYNTH + X86_NR_BUG at the end of each branch
// (xen/arch/x86/include/asm/cpufeatures.h, xen/include/public/arch-x86/cpufeatureset.h).
unsigned feature_words_of(xen::Version v) {
    if (v < xen::Version{4, 17, 0})
        return 20;
    return v < xen::Version{4, 21, 0} ? 21 : 22;
}

} // namespace

Rules Rules::of(xen::Version v, const xen::Image& image) {
    using xen::has_since;
    Rules r;
    r.reworked_sections = has_since(v, {{4, 18, 4}, {4, 19, 1}, {4, 20, 0}});
    r.places_empty_sections = xen::places_empty_sections(v);
    r.knows_endbr = has_since(v, {{4, 14, 5}, {4, 15, 3}, {4, 16, 1}, {4, 17, 0}});
    r.knows_endbr_poison = has_since(v, {{4, 17, 0}});
    r.state_in_records = !has_since(v, {{4, 17, 3}, {4, 18, 1}, {4, 19, 0}});
    r.read_only_records_fault =
        r.state_in_records && has_since(v, {{4, 16, 4}, {4, 17, 1}, {4, 18, 0}});
    r.checks_alternative_ranges = has_since(v, {{4, 17, 4}, {4, 18, 0}});
    r.alternatives_fault_with_ibt =
        has_since(v, {{4, 17, 0}}) && !has_since(v, {{4, 17, 4}, {4, 18, 2}, {4, 19, 0}});
    r.has_alternative_calls = xen::has_alt_call_sites(v);
    // 328ed39c59 came in the series that introduced this thunk
    r.negated_features = has_since(v, {{4, 17, 6}, {4, 18, 5}, {4, 19, 3}, {4, 20, 1}, {4, 21, 0}})
                         || image.resolve("__x86_return_thunk").has_value();
    r.feature_words = feature_words_of(v);
    r.window_behind_data = has_since(v, {{4, 17, 0}});
    r.rodata_writable = !has_since(v, {{4, 16, 4}, {4, 17, 1}, {4, 18, 0}})
                        || has_since(v, {{4, 17, 4}, {4, 18, 2}, {4, 19, 0}});
    return r;
}

} // namespace xlp::load
