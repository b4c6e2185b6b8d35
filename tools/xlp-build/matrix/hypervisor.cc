// SPDX-License-Identifier: GPL-2.0-only
// Hypervisors that a matrix builds from a clone.
#include "payload/base/file.h"
#include "payload/base/hash.h"
#include "tools/common/cache.h"
#include "tools/xlp-build/matrix/run.h"

#include <fmt/format.h>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

// All that Xen's Kconfig is not left to decide when no configuration is given.
constexpr const char* default_config = "CONFIG_LIVEPATCH=y\n";

Result<std::string> config_text(const std::string& branch, const MatrixSettings& settings) {
    auto it = settings.config.find(branch);
    if (it == settings.config.end())
        it = settings.config.find("");
    return it == settings.config.end() ? default_config : read_config(it->second);
}

} // namespace

Result<BaseHypervisor> base_hypervisor(const Clone& clone, const std::string& commit,
                                       const std::string& branch, const MatrixSettings& settings,
                                       const std::stop_token& stop) {
    auto text = config_text(branch, settings);
    if (!text)
        return fail(text);
    auto compiler = compiler_identity(settings.toolchain, stop);
    if (!compiler)
        return fail(compiler);
    KeyHash hash;
    for (const std::string& part : {commit, *text, *compiler, settings.toolchain.cc})
        hash.add(part);
    for (const std::string& variable : settings.toolchain.make_variables)
        hash.add(variable);
    const fs::path entry = settings.cache / "hypervisors" / hash.hex().substr(0, 24);
    const fs::path build = entry / "build";
    BaseHypervisor base{
        entry / "source", entry / "config", entry / "xen-syms", entry / "xen.gz", {}, {}, {}};
    std::error_code error;
    fs::create_directories(entry.parent_path(), error);
    auto made = cache::open_entry(entry, stop, [&]() -> Result<void> {
        settings.progress(fmt::format("Building the hypervisor of {}", commit.substr(0, 12)));
        for (const fs::path& folder : {base.source, build}) {
            fs::create_directories(folder, error);
            if (auto ok = clone.extract(commit, folder); !ok)
                return ok;
        }
        if (auto ok = write_file(base.config, *text); !ok)
            return ok;
        if (auto ok = configure(build, base.config, settings.toolchain, stop); !ok)
            return ok;
        if (auto ok = build_hypervisor(build, settings.toolchain, stop); !ok)
            return ok;
        using std::pair;
        for (const auto& [from, to] :
             {pair{".config", base.config}, {"xen-syms", base.xen_syms}, {"xen.gz", base.xen}}) {
            fs::copy_file(build / "xen" / from, to, fs::copy_options::overwrite_existing, error);
            if (error)
                return fail(
                    environment("file.unwritable",
                                fmt::format("{} cannot be copied: {}.", from, error.message()), {},
                                {to.string(), {}, {}, 0}));
        }
        fs::remove_all(build, error);
        return {};
    });
    if (!made)
        return fail(made);
    return base;
}

} // namespace xlp::build
