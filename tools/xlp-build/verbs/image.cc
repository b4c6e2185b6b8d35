// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/verbs/image.h"

#include "payload/base/file.h"
#include "payload/xen/efi.h"

#include <fmt/format.h>

namespace xlp::build {

namespace fs = std::filesystem;
namespace po = cli::po;

namespace {

Result<fs::path> map_of(const po::variables_map& vm, const fs::path& efi) {
    if (vm.count("efi-map"))
        return fs::path(vm["efi-map"].as<std::string>());
    const fs::path syms = vm["xen-syms"].as<std::string>();
    const std::string name = efi.filename().string() + ".map";
    std::error_code ignored;
    for (const fs::path& map : {efi.parent_path() / name, syms.parent_path() / name})
        if (fs::exists(map, ignored))
            return map;
    return fail(bad_input("efi-map.missing",
                          fmt::format("There is no {} next to it or next to xen-syms.", name),
                          "It is in the debug package, or where Xen was built. (--efi-map FILE)",
                          {efi.string(), {}, {}, 0}));
}

Result<elf::Object> read_efi(const po::variables_map& vm) {
    const fs::path efi = vm["xen-efi"].as<std::string>();
    auto syms = elf::Object::read(vm["xen-syms"].as<std::string>());
    auto program = read_file(efi);
    auto path = map_of(vm, efi);
    Findings findings;
    if (!syms)
        append(findings, std::move(syms.error()));
    if (!program)
        append(findings, std::move(program.error()));
    if (!path)
        append(findings, std::move(path.error()));
    if (!findings.empty())
        return fail(std::move(findings));
    auto map = xen::EfiMap::read(*path);
    if (!map)
        return fail(map);
    return xen::efi_object(*program, *map, *syms, efi.string());
}

} // namespace

void add_image_options(po::options_description& options) {
    const auto one = [] { return po::value<std::string>(); };
    options.add_options()("xen-syms", one()->required()->value_name("FILE"),
                          "symbol file of the hypervisor that runs on the host")(
        "xen-efi", one()->value_name("FILE"),
        "the host runs this xen.efi, started by its firmware, and not the xen.gz of that build")(
        "efi-map", one()->value_name("FILE"),
        "map of xen.efi (default: FILE.map next to it or next to xen-syms); `verify' takes it "
        "without --xen-efi too, and checks that the payload would fit both")(
        "xen-version", one()->value_name("VERSION"),
        "Xen version, if xen-syms does not contain it");
}

Result<std::optional<xen::Version>> version_given(const po::variables_map& vm) {
    std::optional<xen::Version> version;
    if (!vm.count("xen-version"))
        return version;
    const std::string text = vm["xen-version"].as<std::string>();
    version = xen::parse_version(text);
    if (!version)
        return fail(wrong_usage(fmt::format("`{}' is not a version such as 4.17.5.", text)));
    return version;
}

Result<xen::Image> read_image(const po::variables_map& vm, MapAlone alone) {
    if (vm.count("efi-map") && !vm.count("xen-efi") && alone == MapAlone::refused)
        return fail(wrong_usage("--efi-map is the map of a xen.efi: specify --xen-efi as well."));
    auto version = version_given(vm);
    if (!version)
        return fail(version);
    if (!vm.count("xen-efi"))
        return xen::Image::read(vm["xen-syms"].as<std::string>(), *version);
    auto object = read_efi(vm);
    if (!object)
        return fail(object);
    return xen::Image::from(std::move(*object), *version);
}

} // namespace xlp::build
