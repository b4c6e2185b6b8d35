// SPDX-License-Identifier: GPL-2.0-only
// What `xlp-build inspect` says of any bytes.
#include "payload/base/json.h"
#include "payload/report/inspect.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace xlp;
    auto object = elf::Object::parse({data, data + size}, "fuzz");
    if (!object)
        return 0;
    volatile std::size_t used = report::disassembly(*object).size();
    if (auto found = report::inspect(*object, "fuzz")) {
        if (report::to_lines(*found).empty())
            std::abort();
        used = used + found->dump(0, ' ', false, Json::error_handler_t::replace).size();
    }
    return 0;
}
