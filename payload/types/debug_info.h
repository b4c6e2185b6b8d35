// SPDX-License-Identifier: GPL-2.0-only
// The debug information of an object, relocated in memory so that libdw can read it. In a
// relocatable file every section starts at address 0; here each allocated section is given a range
// of addresses of its own, so that an address in the debug information says which section is meant.
#pragma once

#include "payload/base/bytes.h"
#include "payload/elf/object.h"

#include <elfutils/libdw.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::types {

// A place in an object: section index and offset in that section.
struct Location {
    std::uint32_t section = 0;
    std::uint64_t offset = 0;

    bool operator==(const Location&) const = default;
};

// Not for use by several threads at once: libdw reads lazily. Memory: twice the object's size.
class DebugInfo {
public:
    // Null for an object without debug information. Errors: types.corrupt, if what there is cannot
    // be opened. Compressed sections are taken; split DWARF (.dwo files) is not.
    static Result<std::shared_ptr<DebugInfo>> open(const elf::Object&);

    Dwarf* dwarf() const { return dwarf_.get(); }
    std::uint64_t entry_bytes() const { return entry_bytes_; } // size of .debug_info
    std::uint64_t address(Location) const;
    std::optional<Location> location(std::uint64_t address) const;

private:
    struct EndElf {
        void operator()(Elf* e) const { elf_end(e); }
    };
    struct EndDwarf {
        void operator()(Dwarf* d) const { dwarf_end(d); }
    };
    struct Range {
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
        std::uint32_t section = 0;
    };

    void place(const elf::Object&);
    void relocate(const elf::Object&);

    Bytes bytes_; // a copy: relocation changes it
    std::unique_ptr<Elf, EndElf> elf_;
    std::unique_ptr<Dwarf, EndDwarf> dwarf_;
    std::uint64_t entry_bytes_ = 0;
    std::vector<Range> ranges_;       // by address
    std::vector<std::uint64_t> base_; // by section index
};

// Source file names as people know them: relative to the root of Xen's tree
// ("xen/include/xen/sched.h") where the folder of the compilation tells it, without "." and "..".
std::string source_name(std::string_view path, std::string_view compile_folder);

} // namespace xlp::types
