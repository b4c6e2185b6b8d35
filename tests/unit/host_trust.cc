// SPDX-License-Identifier: GPL-2.0-only
// Signatures and the policy about them.
#include "host_fixture.h"
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "payload/manifest/signature.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

namespace xlp::host::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct SignedTest : VerbTest {
    manifest::Key key;

    SignedTest() {
        const fs::path pem = root.paths.root / "private.pem";
        manifest::KeyHandle pair(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
        std::FILE* f = std::fopen(pem.c_str(), "w");
        PEM_write_PrivateKey(f, pair.get(), nullptr, nullptr, 0, nullptr, nullptr);
        std::fclose(f);
        fs::create_directories(root.paths.keys());
        f = std::fopen((root.paths.keys() / "publisher.pem").c_str(), "w");
        PEM_write_PUBKEY(f, pair.get());
        std::fclose(f);
        key = *manifest::read_private_key(pem);
    }
    void sign(const fs::path& payload) {
        auto bytes = *read_file(payload);
        auto text = read_text_if_there(manifest::manifest_path(payload));
        ASSERT_TRUE(write_file(manifest::signature_path(payload),
                               *manifest::sign(bytes, (*text).value_or(""), key)));
    }
};

TEST_F(SignedTest, RequiredSignaturesAreRequiredEverywhere) {
    configure("signatures = \"require\"\n");
    const std::string f = file("a", on("a"));
    store("one", on("a"));
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"load", f},
                                               {"upload", "x", f},
                                               {"install", f},
                                               {"sync"},
                                               {"verify", f},
                                               {"load", "--force", f}}) {
        EXPECT_EQ(xlp(words).code, 1) << words[0];
        EXPECT_TRUE(xen.entries.empty()) << words[0];
    }
}

TEST_F(SignedTest, GoodSignaturesAreTaken) {
    configure("signatures = \"require\"\n");
    sign(store("one", on("a")));
    EXPECT_EQ(xlp({"sync"}).code, 0);
    EXPECT_THAT(xen.stack, ElementsAre("one"));
    const Json j = xlp({"verify", "--json", root.paths.store() / xen_id / "one.livepatch"}).json();
    EXPECT_EQ(j["payloads"][0]["signed_by"], key.id);
}

TEST_F(SignedTest, WrongSignaturesAreRefusedAlsoWhereNoneIsRequired) {
    const fs::path f = store("one", on("a"));
    sign(f);
    auto m = *manifest::parse(**read_text_if_there(manifest::manifest_path(f)), "m");
    m.title = "something else";
    ASSERT_TRUE(write_file(manifest::manifest_path(f), manifest::to_text(m)));
    EXPECT_EQ(xlp({"sync"}).code, 1);
    EXPECT_TRUE(xen.entries.empty());
    configure("signatures = \"off\"\n");
    EXPECT_EQ(xlp({"sync"}).code, 0);
}

TEST_F(SignedTest, AnInstalledKeyMeansThatSignaturesAreRequired) {
    for (const char* text : {"", "signatures = \"warn\"\n"}) {
        configure(text);
        const Ran r = xlp({"load", file("a", on("a"))});
        EXPECT_EQ(r.code, 1);
        EXPECT_THAT(r.err, HasSubstr("signature.missing"));
    }
    const fs::path f = store("one", on("a"));
    sign(f);
    auto signature = **read_text_if_there(manifest::signature_path(f));
    signature.replace(signature.find(key.id), key.id.size(), "0123456789abcdef");
    ASSERT_TRUE(write_file(manifest::signature_path(f), signature));
    EXPECT_EQ(xlp({"sync"}).code, 1) << "by another key";
    EXPECT_TRUE(xen.entries.empty());
}

TEST_F(SignedTest, NoNameOfTheProgramPassesByThePolicy) {
    const std::string f = file("a", on("a"));
    EXPECT_EQ(compat({"upload", "a", f}).code, 1);
    EXPECT_EQ(compat({"load", f}).code, 1);
    EXPECT_EQ(compat({"--force", "load", f}).code, 1);
    EXPECT_TRUE(xen.entries.empty());
    sign(f);
    EXPECT_EQ(compat({"load", f}).code, 0);
}

TEST_F(SignedTest, VerifyDoesNotCallAWrongSignatureGood) {
    const std::string f = file("a", on("a"));
    sign(f);
    write_payload(f, on("b"));
    const Ran r = xlp({"verify", f});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.out, ::testing::Not(HasSubstr("good")));
    EXPECT_EQ(xlp({"verify", "--json", f}).json()["payloads"][0]["good"], false);
}

TEST_F(SignedTest, WhatOthersCouldHaveWrittenDecidesNothing) {
    const std::string f = file("a", on("a"));
    sign(f);
    const fs::path pem = root.paths.keys() / "publisher.pem";
    for (const fs::path& p : {pem, root.paths.keys()}) {
        const auto before = fs::status(p).permissions();
        fs::permissions(p, fs::perms::others_write, fs::perm_options::add);
        const Ran r = xlp({"load", f});
        EXPECT_EQ(r.code, 1) << p;
        EXPECT_THAT(r.err, HasSubstr("trust.mode")) << p;
        fs::permissions(p, before);
    }
    configure("");
    fs::permissions(root.paths.config(), fs::perms::group_write, fs::perm_options::add);
    EXPECT_EQ(xlp({"load", f}).code, 1);
    EXPECT_TRUE(xen.entries.empty());
}

TEST_F(VerbTest, AStoreThatOthersCanWriteToIsNotUsedUnsigned) {
    const fs::path f = store("one", on("a"));
    fs::permissions(f, fs::perms::others_write, fs::perm_options::add);
    const Ran r = xlp({"sync"});
    EXPECT_EQ(r.code, 1);
    EXPECT_THAT(r.err, HasSubstr("trust.mode"));
    EXPECT_TRUE(xen.entries.empty());
}

TEST_F(VerbTest, NoTextOfAPayloadPassesForAnotherLine) {
    for (const std::string evil :
         {"x\nProtected: yes", "\x1b[2K",
          "\xc2\x9b"
          "2K",
          "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\xa8", "\xef\xbb\xbf", "\x9b"}) {
        PayloadSpec spec = on("a");
        spec.modinfo = "title=" + evil + '\0' + "advisories=" + evil + '\0' + "content=1" + '\0';
        ASSERT_EQ(xlp({"load", file("a", spec)}).code, 0);
        for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
                 {"status"}, {"list"}, {"status", "--monitor"}, {"status", evil}}) {
            const Ran r = xlp(words);
            EXPECT_THAT(r.out, ::testing::Not(HasSubstr(evil))) << words[0];
            EXPECT_THAT(r.err, ::testing::Not(HasSubstr(evil))) << words[0];
            EXPECT_THAT(r.out, ::testing::Not(HasSubstr("\nProtected: yes"))) << words[0];
        }
        EXPECT_THAT(compat({"list"}).out, ::testing::Not(HasSubstr(evil)));
        ASSERT_EQ(xlp({"revert", "a"}).code, 0);
        ASSERT_EQ(xlp({"unload", "a"}).code, 0);
    }
}

TEST_F(VerbTest, AMisspeltPolicyIsAnError) {
    for (const char* text : {"signatures = \"required\"\n", "signature = \"off\"\n",
                             "signatures = 1\n", "signatures = \n", "store = \"relative\"\n"}) {
        configure(text);
        const Ran r = xlp({"load", file("a", on("a"))});
        EXPECT_EQ(r.code, 3) << text;
        EXPECT_THAT(r.err, HasSubstr("xlp.conf:1")) << text;
    }
    EXPECT_TRUE(xen.entries.empty());
}

} // namespace
} // namespace xlp::host::test
