// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/recipe/located.h"

#include <algorithm>
#include <cstddef>
#include <fmt/format.h>
#include <iterator>

namespace xlp::build {

namespace {

// Counts lines while the parser reads.
class Counting {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    Counting(const char* at, unsigned* line) : at_(at), line_(line) {}
    reference operator*() const { return *at_; }
    Counting& operator++() {
        *line_ += *at_ == '\n';
        ++at_;
        return *this;
    }
    Counting operator++(int) {
        Counting old = *this;
        ++*this;
        return old;
    }
    bool operator==(const Counting& other) const { return at_ == other.at_; }

private:
    const char* at_;
    unsigned* line_;
};

// Builds the value and notes where each part of it began. A number is known to have ended only by
// the character behind it, which may be the end of its line; `previous_` is the line at the last
// event, and a number's line is that of the event before it or of the one character less.
class Builder : public nlohmann::json_sax<Json> {
public:
    Builder(LocatedJson& to, const unsigned& line, std::string file)
        : to_(to), line_(line), file_(std::move(file)) {}

    bool null() override { return put(nullptr); }
    bool boolean(bool v) override { return put(v); }
    bool number_integer(number_integer_t v) override { return put(v); }
    bool number_unsigned(number_unsigned_t v) override { return put(v); }
    bool number_float(number_float_t v, const string_t&) override { return put(v); }
    bool string(string_t& v) override { return put(std::move(v)); }
    bool binary(binary_t&) override { return false; }
    bool start_object(std::size_t) override { return open(Json::object()); }
    bool start_array(std::size_t) override { return open(Json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool key(string_t& key) override {
        key_ = key;
        key_line_ = line_;
        if (stack_.back().value->contains(key))
            to_.faults.push_back(bad_input("recipe.malformed",
                                           fmt::format("Duplicate key `{}'.", key), {},
                                           {file_, {}, {}, line_}));
        return true;
    }
    bool parse_error(std::size_t, const std::string&,
                     const nlohmann::detail::exception& e) override {
        std::string why = e.what(); // "[json.exception...] parse error at line 1, column 2: what"
        if (const std::size_t colon = why.find(": "); colon != why.npos)
            why = why.substr(colon + 2);
        to_.faults = {bad_input("recipe.malformed", fmt::format("This is not JSON: {}.", why), {},
                                {file_, {}, {}, line_})};
        return false;
    }

private:
    struct Level {
        Json* value;
        std::string pointer;
    };

    std::pair<Json*, std::string> place(Json value) {
        if (stack_.empty()) {
            to_.value = std::move(value);
            to_.lines[""] = line_;
            return {&to_.value, ""};
        }
        Level& in = stack_.back();
        if (in.value->is_object()) {
            std::string pointer = in.pointer + "/" + pointer_step(key_);
            to_.lines[pointer] = key_line_;
            return {&((*in.value)[key_] = std::move(value)), std::move(pointer)};
        }
        std::string pointer = fmt::format("{}/{}", in.pointer, in.value->size());
        to_.lines[pointer] = line_;
        in.value->push_back(std::move(value));
        return {&in.value->back(), std::move(pointer)};
    }
    bool put(Json value) {
        place(std::move(value));
        return true;
    }
    bool open(Json value) {
        auto [at, pointer] = place(std::move(value));
        stack_.push_back({at, std::move(pointer)});
        return true;
    }
    bool close() {
        stack_.pop_back();
        return true;
    }

    LocatedJson& to_;
    const unsigned& line_;
    std::string file_;
    std::vector<Level> stack_;
    std::string key_;
    unsigned key_line_ = 1;
};

} // namespace

std::string pointer_step(std::string_view key) {
    std::string step;
    for (char c : key)
        step += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return step;
}

unsigned LocatedJson::line(std::string pointer) const {
    for (;;) {
        if (auto it = lines.find(pointer); it != lines.end())
            return it->second;
        if (pointer.empty())
            return 1;
        pointer.erase(pointer.rfind('/'));
    }
}

Result<LocatedJson> parse_located(std::string_view text, const std::filesystem::path& file) {
    LocatedJson located;
    unsigned line = 1;
    Builder builder(located, line, file.string());
    const bool good = Json::sax_parse(Counting(text.data(), &line),
                                      Counting(text.data() + text.size(), &line), &builder);
    if (!good)
        return fail(std::move(located.faults));
    if (!located.value.is_object())
        return fail(bad_input("recipe.malformed", "This is not a JSON object.", {},
                              {file.string(), {}, {}, 1}));
    return located;
}

} // namespace xlp::build
