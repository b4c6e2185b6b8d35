// SPDX-License-Identifier: GPL-2.0-only
// Writes what the fuzzers begin with: make_seeds FOLDER.
#include "load_sample.h"
#include "payload/base/bytes.h"
#include "payload/base/file.h"

#include <cstdio>
#include <filesystem>
#include <limits>

namespace {

using namespace xlp;

bool write(const std::filesystem::path& path, const Bytes& bytes) {
    std::filesystem::create_directories(path.parent_path());
    return write_file(path, bytes).has_value();
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: make_seeds FOLDER\n");
        return 2;
    }
    const std::filesystem::path folder = argv[1];
    const Bytes good = sample::bytes_of(sample::make(
        {sample::bytes_of("build-id of this xen"), "old_function", 64, "second_function", 32}));
    bool written = write(folder / "object/sample", good) && write(folder / "inspect/sample", good);
    auto far = sample::make(
        {sample::bytes_of("build-id of this xen"), "old_function", 64, "second_function", 32});
    far.relocate(1, 12, R_X86_64_PC32, far.symbol("far"), std::numeric_limits<std::int64_t>::max());
    written = written && write(folder / "inspect/far-addend", sample::bytes_of(far));
    for (std::uint8_t choice : {0x00, 0x04, 0x08, 0x84}) { // versions, and whether on a stack
        Bytes seed = good;
        seed.insert(seed.begin(), choice);
        written = written && write(folder / "load" / std::to_string(choice), seed);
    }
    return written ? 0 : 1;
}
