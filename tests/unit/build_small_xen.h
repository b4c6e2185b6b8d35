// SPDX-License-Identifier: GPL-2.0-only
// A source tree as small as can be that is built the way Xen is: a few units, a generated header,
// the makefile's rule for the hypervisor.
#pragma once

#include "payload/base/file.h"
#include "tools/xlp-build/source/tree.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>

namespace xlp::build {

class SmallXen : public testing::Test {
protected:
    SmallXen() {
        std::string name = (std::filesystem::temp_directory_path() / "xlp-test-XXXXXX").string();
        root = std::filesystem::canonical(mkdtemp(name.data()));
        put("Config.mk", "");
        put("tools/tool.c", "int tool;\n");
        put("xen/Makefile", makefile);
        put("xen/include/xen/config.h", "#include <generated/made.h>\n");
        put("xen/include/xen/list.lst", "LIMIT 3\n");
        put("xen/include/xen/help.h", "struct s { int a; };\n"
                                      "static inline int help(struct s *p)\n"
                                      "{\n"
                                      "    return p->a;\n"
                                      "}\n");
        put("xen/common/one.c", "#include <xen/help.h>\n"
                                "int one(struct s *p)\n"
                                "{\n"
                                "    return help(p) + 1;\n"
                                "}\n"
                                "\n"
                                "int line(void)\n"
                                "{\n"
                                "    return __LINE__;\n"
                                "}\n");
        put("xen/common/two.c", "#include <xen/help.h>\n"
                                "int two(void)\n"
                                "{\n"
                                "    return LIMIT;\n"
                                "}\n");
        put("xen/arch/x86/low.S", ".text\nlow:\n    ret\n");
        put_at(root / "config", "CONFIG_LIVEPATCH=y\n");
    }
    ~SmallXen() override { std::filesystem::remove_all(root); }

    // A file of the source tree.
    void put(const std::string& path, const std::string& text) {
        put_at(root / "source" / path, text);
    }

    static void put_at(const std::filesystem::path& file, const std::string& text) {
        std::filesystem::create_directories(file.parent_path());
        ASSERT_TRUE(write_file(file, text));
    }

    // A patch file that replaces one line of a file by others.
    std::filesystem::path patch(const std::string& path, unsigned line, const std::string& old_line,
                                const std::string& new_lines) {
        std::string added;
        unsigned count = 0;
        for (std::size_t at = 0; at < new_lines.size(); ++count) {
            const std::size_t end = std::min(new_lines.find('\n', at), new_lines.size());
            added += "+" + new_lines.substr(at, end - at) + "\n";
            at = end + 1;
        }
        const std::filesystem::path file = root / ("patch-" + std::to_string(++patches_));
        put_at(file, "--- a/" + path + "\n+++ b/" + path + "\n@@ -" + std::to_string(line) + " +"
                         + std::to_string(line) + "," + std::to_string(count) + " @@\n-" + old_line
                         + "\n" + added);
        return file;
    }

    std::filesystem::path root;

    static constexpr const char* makefile = R"(export XEN_VERSION = 4
export XEN_SUBVERSION = 17
export XEN_EXTRAVERSION ?= .9$(XEN_VENDORVERSION)
TARGET := xen
CFLAGS := -O2 -nostdinc -Iinclude -include include/xen/config.h $(EXTRA_CFLAGS_XEN_CORE)
OBJS := common/one.o common/two.o arch/x86/low.o
OBJS += common/data.o
build: $(TARGET)
olddefconfig:
	grep -q LIVEPATCH .config
$(TARGET): FORCE
	$(MAKE) include/generated/made.h
	$(MAKE) all.o
all.o: $(OBJS)
	$(LD) -r -o $@ $(OBJS)
include/generated/made.h: include/xen/list.lst
	mkdir -p include/generated
	sed 's/^/#define /' $< > $@
common/data.S: .config
	echo '.incbin ".config"' > $@
%.o: %.c
	$(CC) -MMD -MF $(@D)/.$(@F).d $(CFLAGS) -c $< -o $@
%.o: %.S
	$(CC) $(CFLAGS) -c $< -o $@
FORCE:
)";

private:
    unsigned patches_ = 0;
};

} // namespace xlp::build
