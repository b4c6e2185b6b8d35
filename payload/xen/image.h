// SPDX-License-Identifier: GPL-2.0-only
// The running hypervisor as its symbol file (xen-syms) tells: build-id, symbols under the names
// that Xen's own table gives them, bytes, layout. It is the truth that payloads are built against.
#pragma once

#include "payload/base/bytes.h"
#include "payload/elf/note.h"
#include "payload/elf/object.h"
#include "payload/xen/efi.h"
#include "payload/xen/version.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace xlp::xen {

using Address = std::uint64_t;

// Longest name that Xen's symbol buffers hold (KSYM_NAME_LEN, xen/include/xen/symbols.h).
inline constexpr std::size_t max_symbol_name = 126;

struct ImageSymbol {
    std::string name; // as Xen looks it up: "foo", or "dir/file.c#foo" for a static
    Address address = 0;
    std::uint64_t size = 0; // 0 for labels of assembly
    std::uint8_t type = STT_NOTYPE;
    bool local = false;
    // In a payload, in place of the function of that name: not found by it.
    bool replacement = false;
};

// "foo" of "dir/file.c#foo", and of "foo".
inline std::string_view plain_name(std::string_view symbol) {
    return symbol.substr(symbol.rfind('#') + 1); // npos + 1 is 0
}

// "foo" of "foo~1a2b3c4d": the mark that a payload's new names end with (payload/emit).
std::string_view unmarked_name(std::string_view symbol);

// [begin, end)
struct Range {
    Address begin = 0, end = 0;
    bool contains(Address a) const { return a >= begin && a < end; }
};

// What a payload that is applied adds to the hypervisor, at addresses that the loader's model gave.
struct Applied {
    struct Replacement {
        Address old_address = 0;
        ImageSymbol now; // under the old name, with the new code's address and size
    };
    std::vector<elf::Section> sections; // with addresses; views into `memory`
    std::vector<ImageSymbol> added;     // that Xen finds by name: new ones
    std::vector<Replacement> replaced;
    std::shared_ptr<const void> memory;
};

class Image {
public:
    Image() = default;
    Image(Image&&) = default;
    Image& operator=(Image&&) = default;
    Image& operator=(const Image&) = delete;

    // From a parsed xen-syms. Refuses (image.*, kind `input`) a file that is not a linked
    // hypervisor, has no build-id or no symbols, or whose version cannot be told and is not given.
    static Result<Image> from(elf::Object, std::optional<Version> version = {});
    static Result<Image> read(const std::filesystem::path&, std::optional<Version> version = {});

    // The same hypervisor with payloads applied, from the bottom up. Names and bytes of the
    // hypervisor stay as they are, the jumps are told by replacement_of().
    Image with(std::span<const Applied>) const;

    const elf::Object& object() const { return object_; } // of the hypervisor alone
    // Those in memory: the hypervisor's, and those of payloads.
    const std::vector<elf::Section>& sections() const { return sections_; }
    const elf::BuildId& build_id() const { return build_id_; }
    Version version() const { return version_; }

    // All symbols in Xen's table, by ascending address.
    const std::vector<ImageSymbol>& symbols() const { return symbols_; }
    // Symbols of exactly that name; more than one only where the hypervisor was linked without
    // unique names.
    std::vector<const ImageSymbol*> find(std::string_view name) const;
    // Symbols that payloads added under this name with their mark; if there is none, those added
    // under its plain name, as other tools may name them.
    std::vector<const ImageSymbol*> find_added(std::string_view name) const;
    // The code that a jump at this function's start leads to; null where none was put.
    const ImageSymbol* replacement_of(Address function) const;
    // The only address that the name stands for; nothing if there is none or there are several.
    std::optional<Address> resolve(std::string_view name) const;
    // The sized symbol that covers the address, functions and objects before labels; null if none.
    const ImageSymbol* covering(Address) const;

    // `size` bytes of the linked image at an address; empty if not wholly inside one section's
    // contents (.bss has none).
    View bytes(Address, std::uint64_t size) const;
    const elf::Section* section_at(Address) const;

    Range text() const { return text_; } // _stext .. _etext
    bool in_text(Address) const;         // there, or in a payload's code
    bool in_payload(Address) const;
    bool has_payloads() const { return !applied_.empty(); }
    Range init() const { return init_; } // __init_begin .. __init_end
    bool in_init(Address a) const { return init_.contains(a); }
    bool has_ibt() const { return ibt_; } // functions start with ENDBR64
    // A source file's name as it is in those of static symbols: in xen.efi, it may be cut.
    std::string_view file_name(std::string_view file) const { return file_names_.of(file); }

private:
    Image(const Image&) = default; // by_name_ points into symbols_: index() must follow
    void index();

    elf::Object object_;
    std::vector<elf::Section> sections_; // of object_ and of applied_
    std::vector<std::shared_ptr<const void>> applied_;
    std::vector<Range> payloads_;
    std::unordered_map<Address, ImageSymbol> replaced_; // by the old function's address
    std::unordered_multimap<std::string, ImageSymbol> added_;
    elf::BuildId build_id_;
    Version version_;
    std::vector<ImageSymbol> symbols_;
    std::unordered_multimap<std::string_view, std::size_t> by_name_; // views into symbols_
    std::vector<std::size_t> sized_; // indices of sized symbols by address, for covering()
    Range text_, init_;
    bool ibt_ = false;
    FileNames file_names_; // of a xen.efi
};

} // namespace xlp::xen
