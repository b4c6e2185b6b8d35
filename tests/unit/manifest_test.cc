// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/bytes.h"
#include "payload/base/file.h"
#include "payload/elf/note.h"
#include "payload/elf/writer.h"
#include "payload/manifest/manifest.h"
#include "payload/manifest/signature.h"

#include <cstdio>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

namespace xlp::manifest {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string own(40, 'a'), below(40, 'b'), xen(40, 'c');

Bytes payload(const std::string& modinfo = {}) {
    elf::NewObject o;
    const auto add = [&](const char* name, std::uint32_t type, Bytes bytes) {
        elf::NewSection s;
        s.name = name;
        s.type = type;
        s.align = 8;
        s.bytes = std::move(bytes);
        o.sections.push_back(std::move(s));
    };
    const std::string names("do_one\0do_two\0", 14);
    add(".rodata.names", SHT_PROGBITS, {names.begin(), names.end()});
    elf::NewSymbol strings;
    strings.section = 1;
    strings.type = STT_SECTION;
    o.symbols.push_back(strings);
    Bytes records(208, 0);
    records[32] = records[104 + 32] = 2;
    add(".livepatch.funcs", SHT_PROGBITS, records);
    o.sections.back().relocations = {{0, R_X86_64_64, 0, 0}, {104, R_X86_64_64, 0, 7}};
    add(".note.gnu.build-id", SHT_NOTE, elf::make_build_id_note(*from_hex(own)));
    add(".livepatch.depends", SHT_NOTE, elf::make_build_id_note(*from_hex(below)));
    add(".livepatch.xen_depends", SHT_NOTE, elf::make_build_id_note(*from_hex(xen)));
    if (!modinfo.empty())
        add(".modinfo", SHT_PROGBITS, {modinfo.begin(), modinfo.end()});
    return *elf::write_object(o);
}

Manifest full_manifest() {
    Manifest m = *describe(payload(), "/somewhere/xsa-1.livepatch");
    m.title = "a title";
    m.xen_version = "4.17.5";
    m.advisories = {"XSA-1", "XSA-2"};
    m.cves = {"CVE-2026-1"};
    m.supersedes = {std::string(40, 'd')};
    m.inputs = {{"patch", "xsa-1.patch", std::string(64, 'e')}};
    m.tool = "xlp-build";
    m.tool_version = "0.1.0";
    return m;
}

TEST(Manifest, TellsWhatThePayloadTells) {
    const Bytes bytes = payload();
    auto m = describe(bytes, "/somewhere/xsa-1.livepatch");
    ASSERT_TRUE(m);
    EXPECT_EQ(m->name, "xsa-1");
    EXPECT_EQ(m->file, "xsa-1.livepatch");
    EXPECT_EQ(m->size, bytes.size());
    EXPECT_EQ(m->build_id, own);
    EXPECT_EQ(m->depends, below);
    EXPECT_EQ(m->xen_build_id, xen);
    EXPECT_THAT(m->functions, ElementsAre("do_one", "do_two"));
}

TEST(Manifest, TextAndBackIsTheSame) {
    const Manifest m = full_manifest();
    auto again = parse(to_text(m), "m.json");
    ASSERT_TRUE(again) << again.error().front().why;
    EXPECT_EQ(*again, m);
    EXPECT_EQ(to_text(*again), to_text(m));
}

TEST(Manifest, ModinfoAndBackIsTheSame) {
    std::string text;
    for (const auto& [key, value] : modinfo(full_manifest()))
        text += key + "=" + value + '\0';
    auto m = describe(payload(std::string("ignored\0unknown=1\0", 18) + text), "other.livepatch");
    ASSERT_TRUE(m);
    EXPECT_EQ(m->name, "xsa-1");
    EXPECT_EQ(m->title, "a title");
    EXPECT_THAT(m->advisories, ElementsAre("XSA-1", "XSA-2"));
    EXPECT_THAT(m->cves, ElementsAre("CVE-2026-1"));
    EXPECT_EQ(m->supersedes, full_manifest().supersedes);
    EXPECT_EQ(m->tool_version, "0.1.0");
}

TEST(Manifest, EverythingWrongIsSaidAtOnce) {
    nlohmann::ordered_json j = to_json(full_manifest());
    j["payload"]["sha256"] = "not hex";
    j["advisories"] = "XSA-1";
    j.erase("xen");
    auto m = parse(j.dump(), "m.json");
    ASSERT_FALSE(m);
    std::string all;
    for (const Finding& f : m.error()) {
        EXPECT_EQ(f.failure, Failure::input);
        EXPECT_EQ(f.where.file, "m.json");
        all += f.why;
    }
    EXPECT_THAT(all, HasSubstr("`sha256' is not hexadecimal"));
    EXPECT_THAT(all, HasSubstr("`advisories' is not a list"));
    EXPECT_THAT(all, HasSubstr("`xen' is missing"));
}

TEST(Manifest, APartStaysAPart) {
    Manifest m = full_manifest();
    m.partial = {"XSA-2"};
    EXPECT_EQ(*parse(to_text(m), "m.json"), m);
    std::string text;
    for (const auto& [key, value] : modinfo(m))
        text += key + "=" + value + '\0';
    EXPECT_THAT(describe(payload(text), "x")->partial, ElementsAre("XSA-2"));
}

TEST(Manifest, OtherThingsAreNotManifests) {
    for (const char* text : {"", "[]", "{", "{\"schema\":\"xlp.manifest/2\"}", "\xff"})
        EXPECT_FALSE(parse(text, "m.json")) << text;
    std::string deep(100000, '[');
    EXPECT_FALSE(parse(deep, "m.json"));
}

TEST(Manifest, OfAnotherPayloadIsNoticed) {
    Manifest m = full_manifest();
    const Bytes bytes = payload();
    EXPECT_TRUE(compare(m, bytes, "x").empty());
    m.depends = std::string(40, 'f');
    m.size += 1;
    const Findings f = compare(m, bytes, "x");
    EXPECT_EQ(f.size(), 2u);
    EXPECT_EQ(failure_of(f), Failure::refused);
}

TEST(Manifest, ObjectsThatAreNoPayloadsAreRefused) {
    elf::NewObject o;
    auto bytes = elf::write_object(o);
    ASSERT_TRUE(bytes);
    auto m = describe(*bytes, "x.o");
    ASSERT_FALSE(m);
    EXPECT_EQ(m.error().front().code, "manifest.no-payload");
}

struct SignatureTest : ::testing::Test {
    fs::path folder;
    Bytes bytes = payload();
    std::string manifest = to_text(full_manifest());

    SignatureTest() {
        std::string name = (fs::temp_directory_path() / "xlp-keys-XXXXXX").string();
        folder = ::mkdtemp(name.data());
    }
    ~SignatureTest() override { fs::remove_all(folder); }

    Key new_key(const std::string& name, const char* type = "ED25519") {
        KeyHandle key(EVP_PKEY_Q_keygen(nullptr, nullptr, type));
        const auto write = [&](const std::string& file, auto put) {
            std::FILE* f = std::fopen((folder / file).c_str(), "w");
            put(f);
            std::fclose(f);
        };
        write(name + ".key", [&](std::FILE* f) {
            PEM_write_PrivateKey(f, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        });
        write(name + ".pem", [&](std::FILE* f) { PEM_write_PUBKEY(f, key.get()); });
        auto read = read_private_key(folder / (name + ".key"));
        return read ? std::move(*read) : Key{};
    }
    std::vector<Key> trusted() { return *read_trusted_keys(folder); }
    std::string code(const std::string& signature) {
        auto v = verify(bytes, manifest, signature, trusted(), "x.sig");
        return v ? "good" : v.error().front().code;
    }
};

TEST_F(SignatureTest, ByATrustedKeyIsGood) {
    const Key key = new_key("one");
    auto signature = sign(bytes, manifest, key);
    ASSERT_TRUE(signature);
    auto by = verify(bytes, manifest, *signature, trusted(), "x.sig");
    ASSERT_TRUE(by);
    EXPECT_EQ(*by, key.id);
    EXPECT_EQ(key.id.size(), 16u);
    EXPECT_EQ(*sign(bytes, manifest, key), *signature) << "the same input gives the same bytes";
}

TEST_F(SignatureTest, AChangedBitAnywhereIsNoticed) {
    auto signature = *sign(bytes, manifest, new_key("one"));
    bytes[bytes.size() / 2] ^= 1;
    EXPECT_EQ(code(signature), "signature.wrong");
    bytes = payload();
    manifest[manifest.size() / 2] ^= 1;
    EXPECT_EQ(code(signature), "signature.wrong");
}

TEST_F(SignatureTest, ByAnUntrustedKeyIsNotGood) {
    auto signature = *sign(bytes, manifest, new_key("one"));
    fs::remove(folder / "one.pem");
    EXPECT_EQ(code(signature), "signature.untrusted");
    (void)new_key("two");
    EXPECT_EQ(code(signature), "signature.untrusted");
}

TEST_F(SignatureTest, SeveralKeysMaySign) {
    const Key one = new_key("one"), two = new_key("two");
    auto both = sign(bytes, manifest, two, *sign(bytes, manifest, one));
    ASSERT_TRUE(both);
    fs::remove(folder / "one.pem");
    EXPECT_EQ(code(*both), "good");
    auto renewed = sign(bytes, manifest, two, *both);
    EXPECT_EQ(renewed->size(), both->size()) << "one signature a key";
}

TEST_F(SignatureTest, DamagedFilesAreBadInput) {
    auto good = *sign(bytes, manifest, new_key("one"));
    for (const std::string& text :
         {std::string(), std::string("{}"), good.substr(0, good.size() / 2),
          std::string(R"({"schema":"xlp.signature/1","signatures":[{"key":"x","ed25519":"00"}]})")})
        EXPECT_EQ(code(text), "signature.malformed") << text;
}

TEST_F(SignatureTest, EveryKeyOfAFileIsTrusted) {
    const Key one = new_key("one"), two = new_key("two");
    const auto text = [&](const char* name) { return *read_text(folder / name); };
    ASSERT_TRUE(write_file(folder / "one.pem", text("one.pem") + text("two.pem")));
    fs::remove(folder / "two.pem");
    EXPECT_EQ(code(*sign(bytes, manifest, two)), "good");
    ASSERT_TRUE(
        write_file(folder / "one.pem", text("one.pem") + "-----BEGIN PUBLIC KEY-----\nAAAA\n"));
    EXPECT_FALSE(read_trusted_keys(folder)) << "what follows is not ignored";
}

TEST_F(SignatureTest, AnIndexIsSignedByItself) {
    const Key key = new_key("one");
    const std::string index = "{}";
    const std::string signature = *sign_index(index, key);
    EXPECT_TRUE(verify_index(index, signature, trusted(), "i"));
    EXPECT_FALSE(verify_index("{ }", signature, trusted(), "i"));
    EXPECT_FALSE(verify(as_bytes(index), "", signature, trusted(), "i"))
        << "no signature for another purpose fits";
}

TEST_F(SignatureTest, OtherKeysAreNotTaken) {
    EXPECT_TRUE(new_key("rsa", "X25519").id.empty());
    auto keys = read_trusted_keys(folder);
    ASSERT_FALSE(keys) << "a key that cannot be used must not be skipped in silence";
    EXPECT_EQ(keys.error().front().code, "key.malformed");
    EXPECT_TRUE(read_trusted_keys(folder / "absent")->empty());
}

} // namespace
} // namespace xlp::manifest
