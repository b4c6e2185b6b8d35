// SPDX-License-Identifier: GPL-2.0-only
// Build-ids and function records.
#include "load_fixture.h"
#include "payload/base/bytes.h"

#include <cerrno>

namespace xlp::load {
namespace {

class LoadNotes : public Loader {};
class LoadRecords : public Loader {
protected:
    template <class T>
    sample::Field<T> field(std::uint64_t offset) {
        return raw().in<T>(".livepatch.funcs", offset);
    }
    // The first record for another function, by name.
    void aim(const char* function, std::uint32_t size) {
        sample::Target t = target();
        t.function = function;
        t.function_size = size;
        builder = sample::make(t);
        make();
    }
    void drop_relocation(std::uint64_t offset) {
        for (elf::NewSection& s : builder.object.sections)
            if (s.name == ".livepatch.funcs")
                std::erase_if(s.relocations,
                              [&](const elf::Relocation& r) { return r.offset == offset; });
        make();
    }
};

TEST_F(LoadNotes, Missing) {
    for (const char* note :
         {".livepatch.depends", ".livepatch.xen_depends", ".note.gnu.build-id"}) {
        make();
        raw().section(note).sh_name += 1;
        expect_refused(load_it(), Stage::special_sections, -EINVAL,
                       std::string(note) + " is missing", "load.special.missing");
    }
    make();
    raw().section(".livepatch.xen_depends").sh_name += 1;
    expect_refused(load_on(latest), Stage::hypervisor_id, -EINVAL,
                   "section .livepatch.xen_depends is missing");
}

TEST_F(LoadNotes, Empty) {
    raw().section(".livepatch.depends").sh_size = 0;
    expect_refused(load_it(), Stage::special_sections, -EINVAL, ".livepatch.depends is empty");
}

TEST_F(LoadNotes, Malformed) {
    struct Damage {
        std::uint64_t offset;
        std::uint32_t value;
        int error; // since the rework
    };
    for (const Damage& d : {Damage{8, 1, -ENODATA},
                            {0, 0xffffffff, -EINVAL},
                            {0, 3, -EINVAL},
                            {4, 1000, -EINVAL},
                            {12, 0x00564e47, -ENODATA},
                            {4, 0, -EINVAL}}) {
        make();
        raw().in<std::uint32_t>(".note.gnu.build-id", d.offset) = d.value;
        expect_refused(load_it(), Stage::notes, -EINVAL, "", "load.notes.malformed");
        expect_refused(load_on(latest), Stage::notes, d.error, "", "load.notes.malformed");
    }
    make();
    raw().section(".note.gnu.build-id").sh_size = 12;
    expect_refused(load_it(), Stage::notes, -EINVAL, "");
    make();
    raw().in<std::uint32_t>(".livepatch.xen_depends", 8) = 1;
    expect_refused(load_on(latest), Stage::hypervisor_id, -EINVAL,
                   "failed to parse section .livepatch.xen_depends as build-id: -61");
}

TEST_F(LoadNotes, OtherHypervisor) {
    raw().in<char>(".livepatch.xen_depends", 16) ^= 1;
    expect_refused(load_it(), Stage::hypervisor_id, -EINVAL,
                   "check against hypervisor build-id failed", "load.hypervisor-id.mismatch");
    expect_refused(load_on(latest), Stage::hypervisor_id, -EINVAL, "build-id mismatch:");
    // checked first, or last
    raw().symbol("old_function").st_name = 0;
    expect_refused(load_it(), Stage::symbols, -ENOENT, "Unknown symbol");
    expect_refused(load_on({4, 19, 1}), Stage::hypervisor_id, -EINVAL, "build-id mismatch:");
    expect_refused(load_on({4, 19, 0}), Stage::symbols, -ENOENT, "Unknown symbol");
}

TEST_F(LoadRecords, Version) {
    field<std::uint8_t>(32) = 1;
    expect_refused(load_it(), Stage::functions, -EOPNOTSUPP, "Wrong version (1). Expected 2");
}

TEST_F(LoadRecords, Sizes) {
    raw().section(".livepatch.funcs").sh_size -= 1;
    expect_refused(load_it(), Stage::functions, -EINVAL,
                   "Wrong size 207 of .livepatch.funcs (must be multiple of 104)");
    make();
    field<std::uint32_t>(28) = 0;
    expect_refused(load_it(), Stage::functions, -EINVAL, "Address or size fields are zero");
    field<std::uint32_t>(28) = 8; // old_function begins with ENDBR64
    expect_refused(load_it(), Stage::functions, -EINVAL, "", "load.functions.too-short");
    EXPECT_EQ(load_on({4, 14, 4}).upload.outcome, Outcome::accepted); // overwrites the ENDBR64
    field<std::uint32_t>(28) = 9;
    EXPECT_EQ(load_it().upload.outcome, Outcome::accepted);
    field<std::uint32_t>(28) = 4;
    expect_refused(load_on({4, 14, 4}), Stage::functions, -EINVAL, "", "load.functions.too-short");
}

TEST_F(LoadRecords, NoOperations) {
    field<std::uint32_t>(104 + 24) = 32;
    expect_refused(load_it(), Stage::functions, -EOPNOTSUPP, "", "load.functions.nop-length");
    field<std::uint32_t>(104 + 24) = 31;
    field<std::uint32_t>(104 + 28) = 30;
    expect_refused(load_it(), Stage::functions, -EINVAL, "", "load.functions.nop-length");
}

TEST_F(LoadRecords, NoOperationsAtEndbrUnderflow) {
    drop_relocation(8); // no new address
    field<std::uint32_t>(24) = 3;
    Verdict v = load_it();
    EXPECT_EQ(v.upload.outcome, Outcome::accepted);
    expect_fatal(v.apply, Stage::apply);
    EXPECT_TRUE(has_finding(v, "load.fatal.nop-underflow"));
}

TEST_F(LoadRecords, UnknownName) {
    drop_relocation(16);
    raw().in<char>(".livepatch.strings", 0) = 'X';
    Verdict v = load_it();
    expect_refused(v, Stage::functions, -ENOENT, "Could not resolve old address of Xld_function");
}

TEST_F(LoadRecords, NullNameIsFatal) {
    drop_relocation(104);
    Verdict v = load_it();
    expect_fatal(v.upload, Stage::functions);
    EXPECT_TRUE(has_finding(v, "load.fatal.name-null"));
}

TEST_F(LoadRecords, Distance) {
    drop_relocation(8);
    field<Address>(8) = 0x1000;
    expect_refused(load_it(), Stage::functions, -EOVERFLOW, "", "load.functions.distance");
}

TEST_F(LoadRecords, NewAddressMustBeCode) {
    drop_relocation(8);
    field<Address>(8) = FakeXen::data;
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.new-address"));
}

TEST_F(LoadRecords, OldAddressInInit) {
    aim("init_function", 32);
    Verdict v = load_it();
    expect_fatal(v.upload, Stage::functions); // Xen looks for an ENDBR64 there
    EXPECT_TRUE(has_finding(v, "load.fatal.old-address-init"));
}

TEST_F(LoadRecords, OldAddressIsANumber) {
    drop_relocation(16);
    field<Address>(16) = FakeXen::function;
    Verdict v = load_it();
    EXPECT_TRUE(has_finding(v, "load.absolute-address"));
    EXPECT_TRUE(v.good());
    field<Address>(16) = FakeXen::function + 1;
    EXPECT_TRUE(has_finding(load_it(), "load.old-address.inside"));
    field<Address>(16) = FakeXen::data;
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.old-address-not-code"));
    field<Address>(16) = 0xffff82d07f000000;
    v = load_it();
    expect_fatal(v.upload, Stage::functions);
    EXPECT_TRUE(has_finding(v, "load.fatal.old-address-unmapped"));
}

TEST_F(LoadRecords, OldAddressInEfi) {
    auto map = xen::EfiMap::parse("ffff82d040300000 T old_function\nffff82d040300100 T "
                                  "second_function\n",
                                  "map");
    ASSERT_TRUE(map);
    options.efi_map = &*map;
    EXPECT_TRUE(load_it().good());
    drop_relocation(16);
    field<Address>(16) = FakeXen::function;
    EXPECT_TRUE(has_finding(load_it(), "load.efi.address"));
}

TEST_F(LoadRecords, WrongSizes) {
    aim("old_function", 257); // 64, and padding up to the next one
    EXPECT_TRUE(has_finding(load_it(), "load.old-size.exceeds"));
    aim("old_function", 256);
    EXPECT_FALSE(has_finding(load_it(), "load.old-size.exceeds"));
    aim("old_function", 63);
    EXPECT_TRUE(has_finding(load_it(), "load.old-size.less"));
}

TEST_F(LoadRecords, ForbiddenFunctions) {
    aim("idle_loop", 64);
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.forbidden-function"));
    aim("entry_stub", 32);
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.forbidden-function"));
    aim("mcheck_cmn_handler", 32);
    const Verdict v = load_it();
    EXPECT_TRUE(has_finding(v, "load.machine-check"));
    EXPECT_FALSE(has_errors(v.findings));
}

TEST_F(LoadRecords, Overlap) {
    aim("second_function", 32);
    EXPECT_TRUE(has_finding(load_it(), "load.fatal.overlap"));
}

TEST_F(LoadRecords, State) {
    field<std::uint8_t>(64) = 1;
    Verdict v = load_on({4, 16, 0});
    EXPECT_TRUE(has_finding(v, "load.fatal.applied"));
    EXPECT_TRUE(v.loaded->functions[0].patch.empty());
    v = load_it(); // has its state elsewhere
    EXPECT_FALSE(has_finding(v, "load.fatal.applied"));
    EXPECT_TRUE(has_finding(v, "load.record-padding"));
    EXPECT_FALSE(v.loaded->functions[0].patch.empty());
}

TEST_F(LoadRecords, ReadOnlyRecords) {
    for (elf::NewSection& s : builder.object.sections)
        if (s.name == ".livepatch.funcs")
            s.flags = SHF_ALLOC;
    make();
    for (xen::Version v : {xen::Version{4, 16, 4}, {4, 17, 1}, {4, 17, 2}, {4, 18, 0}}) {
        Verdict verdict = load_on(v);
        EXPECT_TRUE(has_finding(verdict, "load.fatal.read-only-records")) << v.text();
        expect_fatal(verdict.apply, Stage::apply);
    }
    for (xen::Version v : {xen::Version{4, 16, 3}, {4, 17, 0}, {4, 17, 3}, {4, 18, 1}})
        EXPECT_TRUE(load_on(v).good()) << v.text();
}

TEST_F(LoadRecords, Expectations) {
    // the second function is all 0x90 in the fake image
    const std::uint64_t e = 104 + 72;
    field<std::uint8_t>(e) = 1 | 5 << 1;
    for (int i = 1; i <= 5; ++i)
        field<std::uint8_t>(e + i) = 0x90;
    EXPECT_TRUE(load_it().good());
    EXPECT_FALSE(has_finding(load_it(), "load.expectation-rewritten"));
    options.rewritten = {{FakeXen::second + 4, FakeXen::second + 6}};
    EXPECT_TRUE(has_finding(load_it(), "load.expectation-rewritten"));
    field<std::uint8_t>(e + 5) = 0x91;
    Verdict v = load_it();
    EXPECT_EQ(v.apply.outcome, Outcome::refused);
    EXPECT_EQ(v.apply.error, -EINVAL);
    EXPECT_NE(v.apply.log.find("expectation failed: expected:9090909091, actual:9090909090"),
              v.apply.log.npos);
    EXPECT_TRUE(has_finding(v, "load.expectations.mismatch"));
    field<std::uint8_t>(e) = 1 | 5 << 1 | 1 << 6;
    EXPECT_TRUE(has_finding(load_it(), "load.expectations.reserved"));
    field<std::uint8_t>(e) = 1 | 31 << 1;
    field<std::uint32_t>(104 + 28) = 30;
    v = load_it();
    EXPECT_EQ(v.apply.error, -ERANGE);
    EXPECT_TRUE(has_finding(v, "load.expectations.length"));
}

TEST_F(LoadRecords, Jump) {
    const auto loaded = load_it().loaded;
    const FunctionRecord& f = loaded->functions[0];
    EXPECT_EQ(f.patch_offset, 4U); // behind ENDBR64
    ASSERT_EQ(f.patch.size(), 5U);
    EXPECT_EQ(f.patch[0], 0xe9);
    std::int32_t displacement;
    std::memcpy(&displacement, &f.patch[1], 4);
    EXPECT_EQ(f.old_address + 9 + static_cast<Address>(static_cast<std::int64_t>(displacement)),
              f.new_address);
    EXPECT_EQ(loaded->functions[1].patch, Bytes(8, 0x90));
}

} // namespace
} // namespace xlp::load
