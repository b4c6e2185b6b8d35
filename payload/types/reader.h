// SPDX-License-Identifier: GPL-2.0-only
// From the tree of debugging information entries to the model's tables. One pass in the order of
// the file, so that entries' offsets ascend; references between entries, which may point forward,
// are kept as offsets beside the tables and resolved at the end. Internal to read_model().
#pragma once

#include "payload/types/attributes.h"
#include "payload/types/model.h"

#include <limits>
#include <unordered_map>

namespace xlp::types {

// Deeper nesting than any compiler makes; bounds the recursion on damaged input.
inline constexpr unsigned max_entry_depth = 200;

// Counts and lines; what does not fit is damage.
inline std::uint32_t narrow(std::uint64_t v) {
    return v > std::numeric_limits<std::uint32_t>::max() ? 0 : static_cast<std::uint32_t>(v);
}

class Reader {
public:
    explicit Reader(const elf::Object& object) : object_(object) {}
    Result<Model> read();

private:
    struct Context {
        FunctionId function = no_function;
        unsigned depth = 0;
    };

    Model model_;
    const elf::Object& object_;
    bool damaged_ = false;
    std::uint64_t entries_left_ = 0;
    std::uint32_t first_file_ = 0;       // in Model::files, of the unit that is read
    std::uint32_t file_count_ = 0;       // of that unit
    std::vector<std::uint64_t> type_at_; // by TypeId: offset of its entry
    std::vector<std::uint64_t> function_at_;
    std::unordered_map<std::uint64_t, std::string_view> symbol_at_; // by address

    // offsets that wait for the end, beside the tables
    std::vector<std::uint64_t> target_of_type_;
    std::vector<std::uint64_t> type_of_member_;
    std::vector<std::uint64_t> type_of_parameter_;
    std::vector<std::uint64_t> result_of_function_;
    std::vector<std::uint64_t> origin_of_function_;
    struct LateMention {
        FunctionId function;
        std::uint64_t type;
        Mention::As as;
    };
    std::vector<LateMention> mentions_;
    struct LateInline {
        FunctionId function;
        std::uint64_t origin;
    };
    std::vector<LateInline> inlines_;
    std::vector<std::uint64_t> type_of_variable_;

    template <class Each>
    void children(Dwarf_Die& parent, Each each);
    void files(Dwarf_Die& unit);
    void symbols();
    void entry(Dwarf_Die&, Context);
    TypeId type(Dwarf_Die&, const Attributes&, Kind, Context);
    void aggregate(Dwarf_Die&, const Attributes&, Kind, Context);
    void enumeration(Dwarf_Die&, const Attributes&, Context);
    void array(Dwarf_Die&, const Attributes&, Context);
    void function_type(Dwarf_Die&, const Attributes&, Context);
    void function(Dwarf_Die&, const Attributes&, Context);
    void variable(Attributes, Context);
    SourcePoint source(const Attributes&) const;
    TypeId type_id(std::uint64_t offset) const;
    FunctionId function_id(std::uint64_t offset) const;
    void resolve();
    void name_by_aliases();
};

template <class Each>
void Reader::children(Dwarf_Die& parent, Each each) {
    Dwarf_Die child;
    int more = dwarf_child(&parent, &child);
    std::uint64_t last = dwarf_dieoffset(&parent);
    while (more == 0) {
        const std::uint64_t here = dwarf_dieoffset(&child);
        if (here <= last || entries_left_ == 0) {
            damaged_ = true; // a sibling that lies behind: following it might never end
            return;
        }
        --entries_left_;
        last = here;
        each(child);
        Dwarf_Die next;
        more = dwarf_siblingof(&child, &next);
        child = next;
    }
    if (more < 0)
        damaged_ = true;
}

} // namespace xlp::types
