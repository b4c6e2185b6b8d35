// SPDX-License-Identifier: GPL-2.0-only
#include "toolchain.h"

#include "random.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace xlp::generator {

namespace {

const char* const common_flags =
    "-std=gnu99 -g -fpic -fvisibility=hidden -ffreestanding -mno-red-zone -mgeneral-regs-only "
    "-mpreferred-stack-boundary=3 -mskip-rax-setup "
    "-fno-asynchronous-unwind-tables -fno-stack-protector -fno-common -fno-strict-aliasing "
    "-ffunction-sections -fdata-sections -w";

const char* const script = R"(SECTIONS {{
  . = {:#x};
  .text : {{
    _stext = .;
    . = ALIGN(4096); _stextentry = .; *(.text.entry*) . = ALIGN(4096); _etextentry = .;
    *(.text.unlikely .text.unlikely.*) *(.text .text.*) *(.fixup)
    _etext = .;
  }} =0x90909090
  . = ALIGN(4096);
  .rodata : {{ *(.rodata .rodata.*) *(.data.rel.ro*) }}
  .note.gnu.build-id : {{ *(.note.gnu.build-id) }}
  . = ALIGN(4096);
  __init_begin = .;
  .init.text : {{ *(.init.text) }}
  .init.data : {{ *(.init.data*) }}
  . = ALIGN(4096);
  __init_end = .;
  .data : {{ *(.data.read_mostly) *(.data .data.*) }}
  .bss : {{ *(.bss .bss.*) }}
  . = ALIGN(4096);
  _end = .; __2M_rwdata_end = .;
  /DISCARD/ : {{ *(.eh_frame) *(.note.gnu.property) *(.note.GNU-stack) }}
}})";

std::vector<std::string> words(const std::string& s) {
    std::istringstream in(s);
    return {std::istream_iterator<std::string>(in), {}};
}

// Runs a command in a folder; what it prints is thrown when it fails.
void run(const std::vector<std::string>& argv, const std::filesystem::path& folder) {
    const std::filesystem::path log = folder / "log";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
    posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    std::vector<char*> pointers;
    for (const std::string& s : argv)
        pointers.push_back(const_cast<char*>(s.c_str()));
    pointers.push_back(nullptr);
    pid_t pid = 0;
    const int error = posix_spawnp(&pid, pointers[0], &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    int status = -1;
    if (error == 0)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    if (error == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    std::ifstream in(log);
    throw std::runtime_error(argv[0] + " failed:\n"
                             + std::string(std::istreambuf_iterator<char>(in), {}));
}

} // namespace

Style random_style(std::uint64_t seed) {
    Random r(mix(seed, 0x5717e));
    Style s;
    s.flags = r.chance(55) ? "-O2" : r.chance(70) ? "-O1" : "-Os";
    s.flags += r.chance(60) ? " -fno-jump-tables" : "";
    s.flags += r.chance(50) ? " -fcf-protection=branch -mmanual-endbr" : " -fcf-protection=none";
    if (r.chance(40)) // gcc has no jump tables with it either
        s.flags += " -mindirect-branch=thunk-extern -mindirect-branch-register"
                   " -mfunction-return=thunk-extern";
    return s;
}

Folder::Folder() {
    std::error_code none;
    const bool in_memory = std::filesystem::is_directory("/dev/shm", none);
    std::string name =
        in_memory ? "/dev/shm/xlp-generator-XXXXXX"
                  : (std::filesystem::temp_directory_path() / "xlp-generator-XXXXXX").string();
    if (!mkdtemp(name.data()))
        throw std::runtime_error("cannot make " + name);
    path_ = name;
}

Folder::~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

void write_text(const std::filesystem::path& p, const std::string& text) {
    std::ofstream out(p);
    out << text;
    if (!out.flush())
        throw std::runtime_error("cannot write " + p.string());
}

std::string compile_command(const std::string& sources, const Style& style) {
    return fmt::format("gcc {} {} -c {}", common_flags, style.flags, sources);
}

void compile(const std::filesystem::path& folder, const std::vector<std::string>& sources,
             const Style& style) {
    std::string list;
    for (const std::string& s : sources)
        list += s + " ";
    if (!sources.empty())
        run(words(compile_command(list, style)), folder);
}

void link(const std::filesystem::path& image, const std::vector<std::filesystem::path>& objects,
          std::uint64_t base) {
    const std::filesystem::path lds = image.string() + ".lds";
    write_text(lds, fmt::format(fmt::runtime(script), base));
    std::vector<std::string> argv = {"ld", "-T", lds, "--build-id=sha1", "-o", image};
    for (const auto& o : objects)
        argv.push_back(o.string());
    run(argv, image.parent_path());
}

} // namespace xlp::generator
