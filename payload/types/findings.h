// SPDX-License-Identifier: GPL-2.0-only
// What type changes mean for a payload, in words: types.layout, types.padding, types.retyped,
// types.renamed, types.enum, types.signature, types.variable.
#pragma once

#include "payload/types/compare.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::types {

// Whether the payload has the function, by its symbol in the patched or original object.
using Included = std::function<bool(std::string_view symbol)>;

// One sentence, without a place: "`struct domain` grew by 8 bytes (1024 to 1032): ...".
std::string describe(const StructChange&);
std::string describe(const MemberChange&);
std::string describe(const EnumChange&);
std::string describe(const VariableChange&);

// An error where old objects and included functions would disagree; a warning where what a new
// member holds in old objects must be known; a note where the change cannot matter. Nothing for
// types that the units do not use. `containing`: structures that changed only with this one.
std::optional<Finding> finding(const StructChange&, const Included&,
                               const std::vector<std::string>& containing = {});
// An error for changed values, a note for new ones.
Finding finding(const EnumChange&);
// An error if callers stay behind (`missing_callers`, for the message), else a note.
Finding finding(const FunctionChange&, const std::vector<std::string>& missing_callers);
// An error: what is in memory has the old type. A note if it is constant: the differ carries the
// new one, or says why it cannot.
Finding finding(const VariableChange&);

// Those of structures, enumerations and variables, with the notes; structures that only follow
// another's size are told in its finding, variables that only follow their structure's not at all.
// Of functions only the caller knows who calls them.
Findings findings(const TypeChanges&, const Included&);

} // namespace xlp::types
