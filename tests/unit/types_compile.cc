// SPDX-License-Identifier: GPL-2.0-only
#include "types_compile.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace xlp::types::test {

namespace {
struct Folder {
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "xlp-types-XXXXXX").string();
        if (!mkdtemp(name.data()))
            throw std::runtime_error("no temporary folder");
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::filesystem::path path;
};
} // namespace

elf::Object compile(std::string_view source, std::string_view flags, std::string_view compiler) {
    Folder folder;
    std::ofstream(folder.path / "unit.c") << source;
    const std::string command = fmt::format("cd '{}' && {} {} -c unit.c -o unit.o 2>log",
                                            folder.path.string(), compiler, flags);
    if (std::system(command.c_str()) != 0) {
        std::stringstream log;
        log << std::ifstream(folder.path / "log").rdbuf();
        throw std::runtime_error(command + ": " + log.str());
    }
    auto object = elf::Object::read(folder.path / "unit.o");
    if (!object)
        throw std::runtime_error(object.error().front().why);
    return *object;
}

TypeChanges compare(std::string_view before, std::string_view after, std::string_view flags,
                    std::string_view compiler) {
    auto changes = compare_types(compile(before, flags, compiler), compile(after, flags, compiler));
    if (!changes)
        throw std::runtime_error(changes.error().front().why);
    return *changes;
}

const StructChange* find_struct(const TypeChanges& changes, std::string_view name) {
    auto at = std::find_if(changes.structs.begin(), changes.structs.end(),
                           [&](const StructChange& c) { return c.name == name; });
    return at == changes.structs.end() ? nullptr : &*at;
}

const MemberChange* find_member(const StructChange& change, std::string_view path) {
    auto at = std::find_if(change.layout.members.begin(), change.layout.members.end(),
                           [&](const MemberChange& m) { return m.path == path; });
    return at == change.layout.members.end() ? nullptr : &*at;
}

} // namespace xlp::types::test
