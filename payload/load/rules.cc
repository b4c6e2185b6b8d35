// SPDX-License-Identifier: GPL-2.0-only
#include "payload/load/rules.h"

#include "payload/xen/abi.h"
#include "payload/xen/contract.h"

namespace xlp::load {

Rules Rules::of(xen::Version v, const xen::Image& image) {
    using xen::Feature, xen::has;
    Rules r;
    r.records_v2 = has(v, Feature::records_v2);
    r.record_size = r.records_v2 ? xen::abi::function_size_v2 : xen::abi::function_size_v1;
    r.alternative_size = has(v, Feature::long_alternatives) ? sizeof(xen::abi::Alternative)
                                                            : xen::abi::alternative_size_old;
    r.hooks = has(v, Feature::hooks);
    r.checks_relocation_symbols = has(v, Feature::checked_relocation_symbols);
    r.tightened_sections = has(v, Feature::tightened_sections);
    r.direct_calls = has(v, Feature::direct_calls);
    r.reworked_sections = has(v, Feature::reworked_sections);
    r.places_empty_sections = has(v, Feature::places_empty_sections);
    r.knows_ignored_symbols = has(v, Feature::knows_ignored_symbols);
    r.knows_endbr = has(v, Feature::skips_endbr);
    r.knows_endbr_poison = has(v, Feature::knows_poisoned_endbr);
    r.state_in_records = !has(v, Feature::state_outside_records);
    r.read_only_records_fault = r.state_in_records && has(v, Feature::read_only_records);
    r.checks_alternative_ranges = has(v, Feature::checked_alternative_ranges);
    r.alternatives_fault_with_ibt = has(v, Feature::alternatives_fault_with_ibt);
    r.has_alternative_calls = has(v, Feature::alternative_call_table);
    // negated features came in the series that introduced this thunk
    r.negated_features =
        has(v, Feature::negated_features) || image.resolve("__x86_return_thunk").has_value();
    r.feature_words = xen::feature_words(v);
    r.window_behind_data = has(v, Feature::window_behind_data);
    r.rodata_writable = !has(v, Feature::read_only_rodata);
    return r;
}

} // namespace xlp::load
