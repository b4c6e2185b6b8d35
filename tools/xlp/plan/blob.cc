// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/blob.h"

#include "payload/base/bytes.h"
#include "payload/base/file.h"
#include "payload/base/hash.h"
#include "payload/elf/note.h"

#include <algorithm>

namespace xlp::host {
namespace {

std::string id_in(const elf::Object& object, std::string_view section) {
    const elf::Section* s = object.section(section);
    auto id = s ? elf::build_id_of_note(s->bytes) : std::nullopt;
    return id ? hex(*id) : "";
}

// What Xen's `safe_to_reapply' looks at: data beside the records, which a revert does not reset.
bool has_writable_data(const elf::Object& object) {
    const auto& all = object.sections();
    return std::any_of(all.begin(), all.end(), [](const elf::Section& s) {
        return (s.flags & SHF_ALLOC) && (s.flags & SHF_WRITE) && s.size > 0
               && s.name != ".livepatch.funcs";
    });
}

} // namespace

Result<std::shared_ptr<Blob>> read_blob(const std::filesystem::path& path) {
    auto bytes = read_file(path);
    if (!bytes)
        return fail(bytes);
    auto blob = std::make_shared<Blob>();
    blob->sha256 = sha256_hex(*bytes);
    blob->origin = path;
    if (auto object = elf::Object::parse(*bytes, path)) {
        blob->build_id = id_in(*object, ".note.gnu.build-id");
        blob->depends = id_in(*object, ".livepatch.depends");
        if (const elf::Section* s = object->section(".modinfo"))
            blob->metadata.assign(s->bytes.begin(), s->bytes.end());
        blob->writable = has_writable_data(*object);
        blob->preapply = object->section(".livepatch.hooks.preapply") != nullptr;
        blob->prerevert = object->section(".livepatch.hooks.prerevert") != nullptr;
        blob->object = std::make_shared<const elf::Object>(std::move(*object));
    }
    blob->bytes = std::move(*bytes);
    return blob;
}

} // namespace xlp::host
