// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/machine/modules.h"

#include "payload/base/file.h"
#include "tools/common/cache.h"
#include "tools/xlp-qa/machine/archive.h"

#include <algorithm>
#include <fmt/format.h>
#include <gelf.h>
#include <map>
#include <memory>
#include <set>
#include <sstream>

namespace xlp::qa {

namespace fs = std::filesystem;

namespace {

// "drivers/block/virtio-blk.ko.xz" is the module virtio_blk; empty for other files
std::string module_name(const fs::path& file) {
    std::string name = file.filename();
    std::size_t dot = name.find(".ko");
    if (dot == std::string::npos || (name.size() != dot + 3 && name[dot + 3] != '.'))
        return {};
    name.resize(dot);
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

class Collector {
public:
    explicit Collector(fs::path folder) : folder_(std::move(folder)) {
        std::error_code error;
        for (const auto& entry : fs::recursive_directory_iterator(folder_, error))
            if (std::string name = module_name(entry.path()); !name.empty())
                files_.emplace(name, entry.path());
        if (auto list = read_text(folder_ / "modules.builtin")) {
            std::istringstream lines(*list);
            for (std::string line; std::getline(lines, line);)
                builtin_.insert(module_name(line));
        }
    }

    void add(const std::string& name) {
        if (builtin_.count(name) || !seen_.insert(name).second)
            return;
        auto file = files_.find(name);
        if (file == files_.end()) {
            findings_.push_back(bad_input(
                "qa.no-module", fmt::format("The kernel has no module `{}'.", name),
                "Specify the lib/modules/VERSION directory of this kernel with --modules.",
                {folder_.string(), {}, {}, 0}));
            return;
        }
        auto packed = read_text(file->second);
        auto data = packed ? decompress(*packed, file->second) : packed;
        if (!data) {
            append(findings_, data.error());
            return;
        }
        for (const std::string& dependency : module_dependencies(*data))
            add(dependency);
        modules_.push_back({name, std::move(*data)});
    }

    Result<std::vector<Module>> take() && {
        if (has_errors(findings_))
            return fail(std::move(findings_));
        return std::move(modules_);
    }

private:
    fs::path folder_;
    std::map<std::string, fs::path> files_;
    std::set<std::string> builtin_, seen_;
    std::vector<Module> modules_;
    Findings findings_;
};

} // namespace

std::vector<std::string> module_dependencies(std::string_view bytes) {
    elf_version(EV_CURRENT);
    std::unique_ptr<Elf, decltype(&elf_end)> elf(
        elf_memory(const_cast<char*>(bytes.data()), bytes.size()), &elf_end);
    std::size_t strings = 0;
    if (!elf || elf_getshdrstrndx(elf.get(), &strings) != 0)
        return {};
    std::vector<std::string> names;
    for (Elf_Scn* s = nullptr; (s = elf_nextscn(elf.get(), s));) {
        GElf_Shdr h;
        const char* name =
            gelf_getshdr(s, &h) ? elf_strptr(elf.get(), strings, h.sh_name) : nullptr;
        Elf_Data* data =
            name && std::string_view(name) == ".modinfo" ? elf_getdata(s, nullptr) : nullptr;
        if (!data || !data->d_buf)
            continue;
        std::string_view info(static_cast<const char*>(data->d_buf), data->d_size);
        constexpr std::string_view key("depends=");
        for (std::size_t at = 0; at < info.size();
             at = std::min(info.find('\0', at), info.size()) + 1) {
            std::string_view entry = info.substr(at, info.find('\0', at) - at);
            if (!entry.starts_with(key))
                continue;
            std::istringstream list{std::string(entry.substr(key.size()))};
            for (std::string one; std::getline(list, one, ',');) {
                std::replace(one.begin(), one.end(), '-', '_');
                names.push_back(one);
            }
        }
    }
    return names;
}

Result<std::vector<Module>> collect_modules(const fs::path& folder,
                                            const std::vector<std::string>& wanted) {
    Collector c(folder);
    for (const std::string& name : wanted)
        c.add(name);
    return std::move(c).take();
}

} // namespace xlp::qa
