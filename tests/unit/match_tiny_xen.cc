// SPDX-License-Identifier: GPL-2.0-only
#include "match_tiny_xen.h"

#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>
#include <unistd.h>

namespace xlp::match::test {

namespace {

constexpr std::string_view script = R"(
SECTIONS {
  . = 0xffff82d040200000;
  .text : {
    _stext = .;
    . = ALIGN(4096); _stextentry = .; *(.text.entry*) . = ALIGN(4096); _etextentry = .;
    *(.text.unlikely .text.unlikely.*) *(.text .text.*) *(.fixup)
    _etext = .;
  } =0x90909090
  .rodata : {
    __start___ex_table = .; *(.ex_table) __stop___ex_table = .;
    . = ALIGN(8);
    __start_bug_frames = .;
    *(.bug_frames.0) __stop_bug_frames_0 = .;
    *(.bug_frames.1) __stop_bug_frames_1 = .;
    *(.bug_frames.2) __stop_bug_frames_2 = .;
    *(.bug_frames.3) __stop_bug_frames_3 = .;
    *(.rodata .rodata.*) *(.data.rel.ro*)
  }
  .note.gnu.build-id : { *(.note.gnu.build-id) }
  . = ALIGN(4096);
  __init_begin = .;
  .init.text : { *(.init.text) *(.altinstr_replacement) }
  .init.data : {
    . = ALIGN(8);
    __initdata_cf_clobber_start = .; *(.init.data.cf_clobber) __initdata_cf_clobber_end = .;
    __alt_instructions = .; *(.altinstructions) __alt_instructions_end = .;
    __alt_call_sites_start = .; *(.alt_call_sites) __alt_call_sites_end = .;
    *(.init.data*)
  }
  . = ALIGN(4096);
  __init_end = .;
  .data : { *(.data .data.*) }
  .bss : { *(.bss .bss.*) }
  /DISCARD/ : { *(.eh_frame) *(.note.gnu.property) *(.note.GNU-stack) }
})";

void write(const std::filesystem::path& p, std::string_view text) {
    std::ofstream(p) << text;
}

void run(const std::string& command, const std::filesystem::path& folder) {
    const auto log = folder / "log";
    if (std::system(fmt::format("cd '{}' && {} > log 2>&1", folder.string(), command).c_str())
        != 0) {
        std::ifstream in(log);
        throw std::runtime_error(command + "\n"
                                 + std::string(std::istreambuf_iterator<char>(in), {}));
    }
}

template <class T>
T need(Result<T> r) {
    if (!r)
        throw std::runtime_error(r.error().front().why);
    return std::move(*r);
}

} // namespace

TinyXen::TinyXen() {
    std::string name = (std::filesystem::temp_directory_path() / "tiny-xen-XXXXXX").string();
    if (!mkdtemp(name.data()))
        throw std::runtime_error("cannot make " + name);
    folder_ = name;
    write(folder_ / "xen.lds", script);
}

TinyXen::~TinyXen() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::filesystem::path TinyXen::object(const Source& s) {
    // a folder for each, since the file's name goes into the symbol table
    const auto home = folder_ / std::to_string(count_++);
    std::filesystem::create_directory(home);
    write(home / s.name, s.text);
    run(fmt::format("gcc {} -c {} -o unit.o", s.flags, s.name), home);
    return home / "unit.o";
}

std::unique_ptr<atom::Module> TinyXen::compile(const Source& s) {
    auto m = need(atom::Module::from(need(elf::Object::read(object(s))), {4, 17, 5}));
    return std::make_unique<atom::Module>(std::move(m));
}

xen::Image TinyXen::link(const std::vector<Source>& sources, xen::Version version) {
    std::string objects;
    for (const Source& s : sources)
        objects += fmt::format(" {}", object(s).string());
    run("ld -T xen.lds --build-id=sha1 -o xen-syms" + objects, folder_);
    return need(xen::Image::read(folder_ / "xen-syms", version));
}

Pair::Pair(const Source& ours, const Source& theirs)
    : image(tiny.link({theirs})), module(tiny.compile(ours)), match(match_module(*module, image)) {}

atom::AtomId Pair::id(std::string_view name) const {
    const atom::Atom* a = module->find(name);
    if (!a)
        throw std::runtime_error(fmt::format("no atom {}", name));
    return a->id;
}

const AtomMatch& Pair::of(std::string_view name) const {
    return match.of(id(name));
}

} // namespace xlp::match::test
