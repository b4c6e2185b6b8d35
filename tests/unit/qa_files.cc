// SPDX-License-Identifier: GPL-2.0-only
// Files, cache, archives and images.
#include "payload/base/file.h"
#include "tools/common/cache.h"
#include "tools/common/lock.h"
#include "tools/common/process.h"
#include "tools/xlp-qa/machine/archive.h"
#include "tools/xlp-qa/machine/images.h"
#include "tools/xlp-qa/machine/modules.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace xlp::qa {

namespace fs = std::filesystem;

namespace {

class Folder : public testing::Test {
protected:
    void SetUp() override {
        auto made = cache::Scratch::make(testing::TempDir());
        ASSERT_TRUE(made);
        folder.emplace(std::move(*made));
    }
    fs::path at(const std::string& name) { return folder->path() / name; }
    std::size_t files() {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder->path()), fs::directory_iterator()));
    }
    // Runs a shell command in the folder; its output.
    std::string shell(const std::string& command) {
        auto done = run_command(
            {.argv = {"sh", "-c", "cd '" + folder->path().string() + "' && " + command}}, {});
        EXPECT_TRUE(done && done->status == 0) << command << (done ? done->out : "");
        return done ? done->out + done->err : "";
    }
    std::string bytes(const std::string& name) {
        auto b = read_text(at(name));
        EXPECT_TRUE(b) << name;
        return b ? *b : "";
    }

    std::optional<cache::Scratch> folder;
};

using Archive = Folder;
using Images = Folder;

std::string code_of(const Findings& f) {
    return f.front().code;
}

} // namespace

TEST_F(Archive, UnpacksWhatIsPacked) {
    const std::string text(100'000, 'q');
    ASSERT_TRUE(write_file(at("f"), text));
    shell("gzip -k f && xz -k f");
    for (const char* name : {"f", "f.gz", "f.xz"}) {
        auto out = decompress(bytes(name), name);
        ASSERT_TRUE(out) << name;
        EXPECT_EQ(*out, text) << name;
    }
    auto bomb = decompress(bytes("f.xz"), "f.xz", 50'000);
    ASSERT_FALSE(bomb);
    EXPECT_EQ(code_of(bomb.error()), "qa.corrupt");
    std::string cut = bytes("f.gz");
    cut.resize(cut.size() / 2);
    auto truncated = decompress(cut, "f.gz");
    ASSERT_FALSE(truncated);
    EXPECT_EQ(truncated.error().front().failure, Failure::input);
}

TEST_F(Archive, CpioIsWhatCpioReads) {
    const std::vector<Member> members = {regular_file("a/b/run", "#!/bin/sh\n", true),
                                         regular_file("a/odd", "12345"),
                                         symbolic_link("a/link", "odd")};
    const std::string archive = cpio_archive(members);
    EXPECT_EQ(archive, cpio_archive(members));
    // as a disk: what follows the end must not matter
    ASSERT_TRUE(write_file(at("disk"), archive + std::string(4096, '\0')));
    shell("mkdir out && cd out && cpio -idm --quiet <../disk");
    EXPECT_EQ(bytes("out/a/odd"), "12345");
    EXPECT_EQ(bytes("out/a/link"), "12345");
    EXPECT_EQ(bytes("out/a/b/run"), "#!/bin/sh\n");
    EXPECT_EQ(access(at("out/a/b/run").c_str(), X_OK), 0);
    EXPECT_NE(access(at("out/a/odd").c_str(), X_OK) == 0, true);
}

TEST_F(Images, BuildIdAndFunctionsOfAnElf) {
    ASSERT_TRUE(
        write_file(at("p.c"), "int first(void){return 1;} int main(void){return first();}"));
    shell("gcc -O0 -no-pie -Wl,--build-id=0x12ab34cd p.c -o p && gcc -Wl,--build-id=none p.c -o q");
    EXPECT_EQ(build_id(bytes("p")), "12ab34cd");
    EXPECT_EQ(build_id(bytes("q")), "");
    EXPECT_EQ(build_id("not an ELF file"), "");
    std::string address = shell("nm p | sed -n 's/ T first$//p'");
    std::uint64_t at_first = std::stoull(address, nullptr, 16);
    EXPECT_EQ(function_at(bytes("p"), at_first + 4), "first+0x4");
    EXPECT_EQ(function_at(bytes("p"), 1), "");
}

TEST_F(Images, WhatIsNoHypervisorIsRefused) {
    ASSERT_TRUE(write_file(at("p.c"), "int main(void){return 0;}"));
    shell("gcc p.c -o p && echo 'char x;' | gcc -m32 -c -xc - -o q");
    auto efi = xen_image("MZ... RSDS0123456789abcdef...", "x");
    ASSERT_TRUE(efi);
    EXPECT_TRUE(efi->efi);
    EXPECT_EQ(efi->build_id, ""); // no record of a PE file's
    EXPECT_EQ(code_of(xen_image("hello", "x").error()), "qa.not-xen");
    EXPECT_EQ(code_of(xen_image(bytes("p"), "x").error()), "qa.xen-is-syms");
    EXPECT_EQ(code_of(xen_image(bytes("q"), "x").error()), "qa.not-xen");
    EXPECT_FALSE(xen_image("", "x"));
}

TEST_F(Images, WhatCannotBeDom0IsRefused) {
    ASSERT_TRUE(write_file(at("p.c"), "int main(void){return 0;}"));
    shell("gcc p.c -o p");
    EXPECT_EQ(code_of(dom0_image("hello", "x").error()), "qa.not-kernel");
    EXPECT_EQ(code_of(dom0_image("", "x").error()), "qa.not-kernel");
    EXPECT_EQ(code_of(dom0_image(bytes("p"), "x").error()), "qa.kernel_not_dom0");
    // a boot header whose payload lies beyond the end
    std::string image(1024, '\0');
    image.replace(0x202, 4, "HdrS");
    image.replace(0x206, 2, "\x0f\x02");
    image.replace(0x248, 4, "\xff\xff\xff\xff");
    image.replace(0x24c, 4, "\xff\xff\xff\xff");
    EXPECT_EQ(code_of(dom0_image(image, "x").error()), "qa.not-kernel");
}

TEST_F(Images, ModulesComeInInsertionOrder) {
    auto module = [&](const std::string& name, const std::string& depends) {
        ASSERT_TRUE(
            write_file(at(name + ".c"), "const char i[] __attribute__((section(\".modinfo\")))"
                                        "= \"license=GPL\\0depends="
                                            + depends + "\";"));
        shell("mkdir -p m/kernel && gcc -c " + name + ".c -o m/kernel/" + name + ".ko");
    };
    module("top-level", "left,right-hand");
    module("left", "base");
    module("right-hand", "base,builtin_one");
    module("base", "");
    shell("xz m/kernel/base.ko && echo kernel/builtin-one.ko >m/modules.builtin");
    auto got = collect_modules(at("m"), {"top_level"});
    ASSERT_TRUE(got);
    std::string order;
    for (const Module& m : *got)
        order += m.name + ' ';
    EXPECT_EQ(order, "base left right_hand top_level ");
    EXPECT_TRUE(got->front().data.starts_with("\x7f"
                                              "ELF"));
    auto missing = collect_modules(at("m"), {"nowhere", "nothing"});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().size(), 2u);
}

} // namespace xlp::qa
