// SPDX-License-Identifier: GPL-2.0-only
// A folder of a test's own, removed with all that it holds.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace xlp {

struct Folder {
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "xlp-test-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::filesystem::path operator/(const std::string& name) const { return path / name; }
    // Files and folders directly in it.
    std::size_t entries() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(path), {}));
    }

    std::filesystem::path path;
};

} // namespace xlp
