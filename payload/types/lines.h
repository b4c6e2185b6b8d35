// SPDX-License-Identifier: GPL-2.0-only
// From a place in an object's code to the source line, and the functions inlined there.
#pragma once

#include "payload/types/compare.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::types {

struct Frame {
    std::string function;
    SourceLine line; // where in it
};

class Lines {
public:
    // Reads the line tables once. An object without debug information gives an empty table.
    // Errors: types.corrupt.
    static Result<Lines> from(const elf::Object&);

    Lines(Lines&&) noexcept;
    Lines& operator=(Lines&&) noexcept;
    ~Lines();

    bool empty() const;
    // The line of the instruction at `offset` of a section (its index in the object).
    std::optional<SourceLine> at(std::uint32_t section, std::uint64_t offset) const;
    // The same with the functions inlined there: innermost first, the function itself last. Empty
    // if the place is in no known function. Reads debug information: not for several threads.
    std::vector<Frame> frames(std::uint32_t section, std::uint64_t offset) const;
    // Where a function is declared: of the definition, if it is here.
    std::optional<SourceLine> decl_line(std::string_view function) const;

private:
    struct Table;
    explicit Lines(std::unique_ptr<Table>);
    std::unique_ptr<Table> table_;
};

} // namespace xlp::types
