// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/scenario/guest.h"

#include "payload/base/file.h"
#include "tools/common/cache.h"
#include "tools/common/process.h"
#include "tools/xlp-qa/machine/modules.h"

#include <algorithm>
#include <fmt/format.h>
#include <gelf.h>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <sys/wait.h>

namespace xlp::qa {

namespace fs = std::filesystem;

namespace {

// Early: what the tools need to talk to the hypervisor. Late, after "go": the disk, so that a
// snapshot holds no driver state for a disk that is another one when the snapshot is restored.
const std::vector<std::string> early_modules = {"xen_privcmd", "xenfs"};
const std::vector<std::string> late_modules = {"virtio_pci", "virtio_blk"};

constexpr char init_script[] = R"sh(#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# dom0 of xlp-qa: see tools/xlp-qa/scenario/guest.h for the words spoken here.
export PATH=/bin:/xlp/bin HOME=/ XLP=/xlp/bin/xlp XEN_LIVEPATCH=/xlp/bin/xen-livepatch
export GUEST=/xlp/bin/xlp-qa-guest
/bin/busybox mkdir -p /proc /sys /dev /run/lock /tmp /var/lib /var/log /xlp/steps
/bin/busybox ln -s /run/lock /var/lock
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
stty -echo
insert() { while read -r module; do insmod "/lib/xlp/$module.ko"; done <"/lib/xlp/$1"; }
insert early
mount -t xenfs xenfs /proc/xen
$XLP --version >/dev/null 2>&1 # into the page cache
echo '@xlp@ ready'
read -r go
insert late
i=0
until [ -b /dev/vda ] || [ $i -ge 1200 ]; do usleep 50000; i=$((i + 1)); done
(cd / && cpio -idmu) </dev/vda 2>/run/unpack || echo "@xlp@ broken $(tail -n 1 /run/unpack)"
echo "@xlp@ running $(od -An -v -tx1 /sys/hypervisor/properties/buildid | tr -d ' \n')"
while read -r step; do
    echo "@xlp@ $step begin"
    sh "/xlp/steps/$step" >/run/out 2>&1 </dev/null
    code=$?
    head -c 262144 /run/out | tr -d '\000\r' | awk -v n="$step" '{ print "@xlp@ " n " out " $0 }'
    echo "@xlp@ $step end $code"
done
)sh";

Finding not_found(const char* what, const std::string& remedy, const fs::path& path = {}) {
    return environment("qa.part-missing", fmt::format("{} is missing.", what), remedy,
                       {path.string(), {}, {}, 0});
}

std::string relative_to_root(const fs::path& p) {
    return fs::absolute(p).relative_path();
}

// What xlp opens by name when it runs, and so is not in its list of libraries: every libxenctrl
// that the dynamic loader's usual folders have.
std::vector<fs::path> control_libraries() {
    std::vector<fs::path> found;
    for (const char* folder : {"/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"}) {
        std::error_code error;
        for (const auto& entry : fs::directory_iterator(folder, error))
            if (entry.path().filename().string().starts_with("libxenctrl.so."))
                found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
}

// Whether an ELF file names libraries that the dynamic loader has to find.
bool needs_libraries(std::string_view bytes) {
    elf_version(EV_CURRENT);
    std::unique_ptr<Elf, decltype(&elf_end)> elf(
        elf_memory(const_cast<char*>(bytes.data()), bytes.size()), &elf_end);
    for (Elf_Scn* s = nullptr; elf && (s = elf_nextscn(elf.get(), s));) {
        GElf_Shdr h;
        if (!gelf_getshdr(s, &h) || h.sh_type != SHT_DYNAMIC)
            continue;
        GElf_Dyn entry;
        Elf_Data* data = elf_getdata(s, nullptr);
        for (int i = 0; data && gelf_getdyn(data, i, &entry); ++i)
            if (entry.d_tag == DT_NEEDED)
                return true;
    }
    return false;
}

void add_modules(std::vector<Member>& members, std::vector<Module> modules, const char* list,
                 std::set<std::string>& present) {
    std::string names;
    for (Module& m : modules) {
        if (!present.insert(m.name).second)
            continue;
        names += m.name + '\n';
        members.push_back(regular_file("lib/xlp/" + m.name + ".ko", std::move(m.data)));
    }
    members.push_back(regular_file(std::string("lib/xlp/") + list, std::move(names)));
}

} // namespace

Result<std::vector<Member>> shared_libraries(const fs::path& program) {
    std::vector<Member> members;
    auto bytes = read_text(program);
    if (!bytes)
        return fail(bytes);
    if (!needs_libraries(*bytes))
        return members;
    constexpr char loader[] = "/lib64/ld-linux-x86-64.so.2";
    auto listed =
        run_command({.argv = {loader, "--list", fs::absolute(program)}, .environment = {}}, {});
    if (!listed)
        return fail(listed);
    std::set<fs::path> files = {loader};
    // "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f...)"; the loader itself and the
    // vdso have no arrow
    std::istringstream lines(listed->out);
    for (std::string line; std::getline(lines, line);) {
        std::size_t arrow = line.find(" => ");
        if (arrow == line.npos)
            continue;
        std::string path = line.substr(arrow + 4);
        path.resize(std::min(path.rfind(" ("), path.size()));
        if (path.starts_with('/'))
            files.insert(path);
    }
    if (!WIFEXITED(listed->status) || WEXITSTATUS(listed->status) != 0)
        return fail(environment(
            "qa.libraries", fmt::format("Its shared libraries cannot be found: {}", listed->out),
            "Install the missing libraries.", {program.string(), {}, {}, 0}));
    for (const fs::path& file : files) {
        auto data = read_text(file);
        if (!data)
            return fail(data);
        members.push_back(regular_file(relative_to_root(file), std::move(*data), true));
    }
    return members;
}

Result<std::string> make_initramfs(const GuestParts& parts) {
    Findings findings;
    auto busybox = read_text(parts.busybox);
    if (!busybox || needs_libraries(*busybox))
        findings.push_back(not_found("statically linked busybox", "apt-get install busybox-static",
                                     parts.busybox));
    auto tool = read_text(parts.xlp);
    if (!tool)
        append(findings, tool.error());
    auto early = collect_modules(parts.modules, early_modules);
    if (!early)
        append(findings, early.error());
    auto late = collect_modules(parts.modules, late_modules);
    if (!late)
        append(findings, late.error());

    std::vector<fs::path> programs = control_libraries();
    if (programs.empty())
        findings.push_back(
            not_found("libxenctrl, which xlp needs in dom0", "apt-get install libxenmisc4.17"));
    if (tool)
        programs.push_back(parts.xlp);
    std::string launcher;
    if (!parts.launcher.empty()) {
        programs.push_back(parts.launcher);
        auto bytes = read_text(parts.launcher);
        if (!bytes)
            append(findings, bytes.error());
        else
            launcher = std::move(*bytes);
    }
    std::map<std::string, Member> libraries;
    for (const fs::path& program : programs) {
        auto needed = shared_libraries(program);
        if (!needed) {
            append(findings, needed.error());
            continue;
        }
        for (Member& m : *needed)
            libraries.emplace(m.path, std::move(m));
        if (program != parts.xlp && program != parts.launcher)
            if (auto data = read_text(program))
                libraries.emplace(relative_to_root(program),
                                  regular_file(relative_to_root(program), std::move(*data), true));
    }
    if (has_errors(findings))
        return fail(std::move(findings));

    std::vector<Member> members;
    // the kernel opens it for init's three descriptors before devtmpfs is there
    members.push_back(device_node("dev/console", 5, 1));
    members.push_back(regular_file("init", init_script, true));
    members.push_back(regular_file("bin/busybox", std::move(*busybox), true));
    members.push_back(regular_file("xlp/bin/xlp", std::move(*tool), true));
    members.push_back(symbolic_link("xlp/bin/xen-livepatch", "xlp"));
    if (!launcher.empty())
        members.push_back(regular_file("xlp/bin/xlp-qa-guest", std::move(launcher), true));
    std::set<std::string> present;
    add_modules(members, std::move(*early), "early", present);
    add_modules(members, std::move(*late), "late", present);
    for (auto& [path, member] : libraries)
        members.push_back(std::move(member));
    return cpio_archive(members);
}

} // namespace xlp::qa
