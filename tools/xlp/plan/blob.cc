// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/blob.h"

#include "payload/base/bytes.h"
#include "payload/base/file.h"
#include "payload/elf/note.h"

#include <openssl/sha.h>

namespace xlp::host {
namespace {

std::string id_in(const elf::Object& object, std::string_view section) {
    const elf::Section* s = object.section(section);
    auto id = s ? elf::build_id_of_note(s->bytes) : std::nullopt;
    return id ? hex(*id) : "";
}

} // namespace

Result<std::shared_ptr<const Blob>> read_blob(const std::filesystem::path& path) {
    auto bytes = read_file(path);
    if (!bytes)
        return fail(bytes);
    auto blob = std::make_shared<Blob>();
    Bytes digest(SHA256_DIGEST_LENGTH);
    SHA256(bytes->data(), bytes->size(), digest.data());
    blob->sha256 = hex(digest);
    blob->origin = path;
    if (auto object = elf::Object::parse(*bytes, path)) {
        blob->build_id = id_in(*object, ".note.gnu.build-id");
        blob->depends = id_in(*object, ".livepatch.depends");
    }
    blob->bytes = std::move(*bytes);
    return std::shared_ptr<const Blob>(std::move(blob));
}

} // namespace xlp::host
