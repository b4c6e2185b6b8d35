// SPDX-License-Identifier: GPL-2.0-only
// The compiler and the linker, used as Xen's build uses them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace xlp::generator {

struct Style {
    std::string flags; // beside those that all share
};

// How one seed's programs are compiled.
Style random_style(std::uint64_t seed);

// Where images are linked: low enough for a process to have them.
inline constexpr std::uint64_t old_base = 0x40000000;
inline constexpr std::uint64_t new_base = 0x180000000;

// A folder that goes with it, in memory where the machine has such.
class Folder {
public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

void write_text(const std::filesystem::path&, const std::string&);

// Compiles `sources` (names in `folder`) to objects beside them. Throws std::runtime_error with
// what the compiler says.
void compile(const std::filesystem::path& folder, const std::vector<std::string>& sources,
             const Style&);
// Links objects, given by path, to an image.
void link(const std::filesystem::path& image, const std::vector<std::filesystem::path>& objects,
          std::uint64_t base);

// The same as shell commands, for a reproduction by hand.
std::string compile_command(const std::string& sources, const Style&);

} // namespace xlp::generator
