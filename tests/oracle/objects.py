# SPDX-License-Identifier: GPL-2.0-only
"""What objdump says of an object, with everything that does not matter taken away.

A function becomes a list of lines: its instructions, with offsets from its own start, and where
each reference leads by name; what has no name of its own (strings, literals, switch tables, pieces
in sections of tables) stands there by its contents. Two builds of the same source give the same
lines.
"""
import hashlib
import re
import subprocess
from bisect import bisect_right
from dataclasses import dataclass, field

NUMBERED = re.compile(r'^(.*?)((?:\.(?:isra|part|constprop|cold|llvm))*(?:\.\d+)?)$')
SYMBOL = re.compile(r'^([0-9a-f]{16}) (.{7}) (\S+)\t([0-9a-f]{16})\s+(?:\.hidden |\.internal |'
                    r'\.protected |0x[0-9a-f]+ )?(.*)$')
HEX = re.compile(r'^ ([0-9a-f]{4,}) ((?:[0-9a-f]+ ){1,4})')
RELOCATION = re.compile(r'^([0-9a-f]{16}) (R_X86_64_\S+)\s+(.*)$')
INSTRUCTION = re.compile(r'^\s+([0-9a-f]+):\t(.*)$')
WIDTH = {'R_X86_64_64': 8, 'R_X86_64_PC64': 8, 'R_X86_64_16': 2, 'R_X86_64_8': 1}
# references whose stored value is counted from the end of the field
RELATIVE = {'R_X86_64_PC32', 'R_X86_64_PLT32', 'R_X86_64_GOTPCREL'}
# sections of entries that belong to the code they point to
TABLES = ('.bug_frames', '.ex_table', '.altinstructions', '.alt_call_sites',
          '.livepatch.hooks', '.fixup')


@dataclass
class Symbol:
    name: str
    section: str
    value: int
    size: int
    local: bool
    function: bool
    object: bool


@dataclass
class Section:
    name: str
    contents: bytearray = field(default_factory=bytearray)
    relocations: list = field(default_factory=list)  # (offset, type, symbol, addend)
    instructions: list = field(default_factory=list)  # (offset, text)
    flags: str = ''
    size: int = 0

    @property
    def code(self):
        return 'CODE' in self.flags


@dataclass
class Function:
    name: str
    lines: list
    references: set  # names of what it refers to
    boot: bool  # is gone after boot
    size: int


@dataclass
class Datum:
    name: str
    digest: str
    constant: bool
    boot: bool
    references: set


def stem(name):
    """`foo' of `foo.part.0.cold' and of `foo.3'."""
    return NUMBERED.match(name).group(1) or name


class Object:
    def __init__(self, path):
        self.path = path
        self.sections = {}
        self.symbols = {}  # by name; static locals have different ones
        self.by_section = {}
        self._digests = {}
        self._read()

    def _run(self, *options):
        return subprocess.run(['objdump', *options, str(self.path)], check=True, text=True,
                              errors='replace', stdout=subprocess.PIPE).stdout.splitlines()

    def _read(self):
        section = None
        mode = ''
        for line in self._run('-h', '-w', '-t', '-r', '-s', '-z'):
            if line.startswith('SYMBOL TABLE:'):
                mode = 'symbols'
            elif line.startswith('RELOCATION RECORDS FOR ['):
                mode = 'relocations'
                section = self._section(line[len('RELOCATION RECORDS FOR ['):].rstrip(':')[:-1])
            elif line.startswith('Contents of section '):
                mode = 'contents'
                section = self._section(line[len('Contents of section '):].rstrip(':'))
            elif line.startswith('Sections:'):
                mode = 'sections'
            elif mode == 'sections':
                words = line.split(None, 7)
                if len(words) == 8 and words[0].isdigit():
                    s = self._section(words[1])
                    s.size, s.flags = int(words[2], 16), words[7]
            elif mode == 'symbols':
                self._symbol(line)
            elif mode == 'relocations':
                self._relocation(section, line)
            elif mode == 'contents' and (m := HEX.match(line)):
                section.contents += bytes.fromhex(m.group(2).replace(' ', ''))
        section = None
        for line in self._run('-d', '-w', '-z', '--no-show-raw-insn'):
            if line.startswith('Disassembly of section '):
                section = self._section(line[len('Disassembly of section '):].rstrip(':'))
            elif section and (m := INSTRUCTION.match(line)):
                section.instructions.append((int(m.group(1), 16), m.group(2)))
        for symbols in self.by_section.values():
            symbols.sort(key=lambda s: (s.value, s.local, not s.function, s.name))

    def _section(self, name):
        return self.sections.setdefault(name, Section(name))

    def _symbol(self, line):
        m = SYMBOL.match(line)
        if not m or m.group(3) in ('*UND*', '*ABS*', '*COM*'):
            return
        flags = m.group(2)
        if 'd' in flags and ('F' not in flags and 'O' not in flags):
            return  # the section's own
        s = Symbol(m.group(5), m.group(3), int(m.group(1), 16), int(m.group(4), 16),
                   flags[0] == 'l', 'F' in flags, 'O' in flags)
        if not s.name:
            return
        self.symbols.setdefault(s.name, s)
        self.by_section.setdefault(s.section, []).append(s)

    @staticmethod
    def _relocation(section, line):
        m = RELOCATION.match(line)
        if not m:
            return
        target, addend = m.group(3).strip(), 0
        if a := re.match(r'^(.*?)([+-])0x([0-9a-f]+)$', target):
            target = a.group(1)
            addend = int(a.group(3), 16) * (1 if a.group(2) == '+' else -1)
            if addend >= 1 << 63:
                addend -= 1 << 64
        section.relocations.append((int(m.group(1), 16), m.group(2), target, addend))

    # --- where references lead

    def named(self, section, offset):
        """The symbol with a name of its own that covers a place, and the distance from it."""
        symbols = [s for s in self.by_section.get(section, ())
                   if s.size and not s.name.startswith('.L')]
        at = bisect_right([s.value for s in symbols], offset)
        best = None
        for s in symbols[:at]:
            if s.value <= offset <= s.value + s.size and (
                    best is None or s.value > best.value):
                best = s
        return (best, offset - best.value) if best else None

    def identity(self, symbol):
        """A name that is the same in each build: numbers of the compiler are told by contents."""
        s = self.symbols.get(symbol)
        if not s or stem(symbol) == symbol or s.name.endswith('.cold'):
            return symbol
        if not s.local:
            return symbol
        return f'{stem(symbol)}~{self.digest(s)[:12]}'

    def digest(self, s):
        key = (s.section, s.value)
        if key not in self._digests:
            self._digests[key] = 'itself'
            if self.sections[s.section].code:
                text = '\n'.join(self.lines(s.section, s.value, s.value + s.size)[0])
            else:
                text = '\n'.join(self.contents(s.section, s.value, s.value + s.size)[0])
            self._digests[key] = hashlib.sha1(text.encode()).hexdigest()
        return self._digests[key]

    def target(self, name, addend, relative):
        """Text of what a reference means, and the name of it if it has one."""
        place = self.symbols.get(name)
        section, offset = (place.section, place.value) if place else (name, 0)
        if name not in self.symbols and name not in self.sections:
            return f'{name}{addend + relative:+#x}', name  # elsewhere
        if place and not name.startswith('.L'):
            return f'{self.identity(name)}{addend + relative:+#x}', name
        offset += addend + relative
        s = self.sections[section]
        if '.str' in section or re.search(r'\.rodata.*\.cst\d+$', section):
            return f'"{self.literal(section, offset)}"', None
        found = self.named(section, offset)
        if found:
            return f'{self.identity(found[0].name)}{found[1]:+#x}', found[0].name
        if s.code:
            return f'code {self.digest_of(section, offset)}', None
        return f'{kind_of(section)} {self.digest_of(section, offset)}', None

    def literal(self, section, offset):
        contents = self.sections[section].contents
        if m := re.search(r'\.cst(\d+)$', section):
            return contents[offset:offset + int(m.group(1))].hex()
        end = contents.find(b'\0', offset)
        return contents[offset:end if end >= 0 else len(contents)].decode('latin-1')

    def digest_of(self, section, offset):
        """Of nameless contents: up to the next thing that something refers to."""
        key = (section, offset)
        if key not in self._digests:
            self._digests[key] = 'itself'
            s = self.sections[section]
            marks = sorted({o for o in self._marks().get(section, ()) if o > offset})
            end = marks[0] if marks else s.size
            what = self.lines if s.code else self.contents
            text = '\n'.join(what(section, offset, end)[0])
            self._digests[key] = hashlib.sha1(text.encode()).hexdigest()[:12]
        return self._digests[key]

    def _marks(self):
        if not hasattr(self, '_mark_sets'):
            marks = {}
            for s in self.sections.values():
                if s.name.startswith(('.debug', '.rela.debug')):
                    continue
                for _, kind, name, addend in s.relocations:
                    place = self.symbols.get(name)
                    section, at = (place.section, place.value) if place else (name, 0)
                    if section in self.sections:
                        bias = 4 if kind in RELATIVE and s.code else 0
                        marks.setdefault(section, set()).add(at + addend + bias)
            for section, symbols in self.by_section.items():
                marks.setdefault(section, set()).update(x.value for x in symbols)
            self._mark_sets = marks
        return self._mark_sets

    def relocations(self, section, begin, end):
        return [r for r in self.sections[section].relocations if begin <= r[0] < end]

    # --- text

    def lines(self, section, begin, end):
        """The instructions of a stretch of code, and the names that it refers to."""
        out, names = [], set()
        s = self.sections[section]
        relocations = {}
        instructions = [i for i in s.instructions if begin <= i[0] < end]
        starts = [i[0] for i in instructions]
        for r in self.relocations(section, begin, end):
            at = bisect_right(starts, r[0]) - 1
            relocations.setdefault(at, []).append(r)
        for n, (offset, text) in enumerate(instructions):
            after = instructions[n + 1][0] if n + 1 < len(instructions) else end
            text = re.sub(r'\s*# [0-9a-f]+ <.*>$', '', text)
            mine = relocations.get(n, [])
            if mine:
                text = re.sub(r'\b[0-9a-f]+ <[^>]*>', '*', text)
                notes = []
                for at, kind, name, addend in mine:
                    relative = after - at if kind in RELATIVE else 0
                    what, symbol = self.target(name, addend, relative)
                    notes.append(f'{at - offset}:{kind[9:].replace("PLT32", "PC32")} {what}')
                    if symbol:
                        names.add(symbol)
                text += ' {' + ', '.join(notes) + '}'
            else:
                # jumps within the section
                text = re.sub(r'\b([0-9a-f]+) <[^>]*>',
                              lambda m: self._jump(section, begin, end, int(m.group(1), 16)), text)
            out.append(f'{offset - begin:x}: {" ".join(text.split())}')
        return out, names

    def _jump(self, section, begin, end, to):
        if begin <= to <= end:
            return f'.+{to - begin:x}'
        found = self.named(section, to)
        if found:
            return f'{self.identity(found[0].name)}{found[1]:+#x}'
        return f'code {self.digest_of(section, to)}'

    def contents(self, section, begin, end):
        """The bytes of a datum, with the fields of references by meaning, and their names."""
        s = self.sections[section]
        data = bytearray(s.contents[begin:end])
        out, names = [], set()
        for at, kind, name, addend in self.relocations(section, begin, end):
            width = WIDTH.get(kind, 4)
            data[at - begin:at - begin + width] = bytes(width)
            what, symbol = self.target(name, addend, 0)
            out.append(f'{at - begin:x}: {kind[9:]} {what}')
            if symbol:
                names.add(symbol)
        out.append(data.hex() if data else f'{end - begin} bytes of zero')
        return out, names

    def entries(self):
        """Lines for the entries of tables, by the name of the function that they belong to."""
        found = {}
        for s in self.sections.values():
            if not s.name.startswith(TABLES) or s.code:
                continue
            owner = None
            for n, (at, kind, name, addend) in enumerate(s.relocations):
                place = self.symbols.get(name)
                section, base = (place.section, place.value) if place else (name, 0)
                named = None
                if section in self.sections and self.sections[section].code:
                    named = self.named(section, base + addend)
                what, _ = self.target(name, addend, 0)
                if named and named[0].function and not section.startswith(TABLES):
                    if owner != named[0].name or True:
                        owner = named[0].name
                if owner is None:
                    continue
                # displacements of bug frames hold line numbers; the names remain
                if s.name.startswith('.bug_frames'):
                    what = re.sub(r'[+-]0x[0-9a-f]+$', '', what)
                found.setdefault(owner, []).append(f'{s.name} {kind[9:]} {what}')
        return found

    # --- the whole

    def functions(self):
        entries = self.entries()
        found = {}
        assembly = not any(s.function and s.size for s in self.symbols.values())
        for s in self.symbols.values():
            section = self.sections.get(s.section)
            if not section or not section.code or s.name.startswith('.L'):
                continue
            if s.section.startswith(('.altinstr_replacement', '.fixup')):
                continue
            if not s.function and not assembly and s.size == 0:
                continue  # a label within a function
            end = s.value + s.size if s.size else self._next_label(s)
            lines, names = self.lines(s.section, s.value, end)
            lines += sorted(entries.get(s.name, []))
            found[s.name] = Function(s.name, lines, names, s.section.startswith('.init'),
                                     end - s.value)
        # a cold part is a part of its function
        for name in [n for n in found if n.endswith('.cold')]:
            parent = found.get(name[:-len('.cold')])
            if parent:
                parent.lines = parent.lines + ['cold part:'] + found[name].lines
                parent.references |= found[name].references
                del found[name]
        return found

    def _next_label(self, s):
        later = [o.value for o in self.by_section[s.section] if o.value > s.value]
        return min(later) if later else self.sections[s.section].size

    def data(self):
        found = {}
        for s in self.symbols.values():
            section = self.sections.get(s.section)
            if not section or section.code or not s.size or s.name.startswith('.L'):
                continue
            if 'ALLOC' not in section.flags or s.section.startswith(TABLES):
                continue
            lines, names = self.contents(s.section, s.value, s.value + s.size)
            text = '\n'.join(lines + [str(s.size), kind_of(s.section)])
            found[s.name] = Datum(s.name, hashlib.sha1(text.encode()).hexdigest(),
                                  'READONLY' in section.flags or '.rel.ro' in s.section,
                                  s.section.startswith('.init'), names)
        return found


def kind_of(section):
    """`.rodata' of `.rodata.foo'."""
    for kind in ('.data.rel.ro', '.data.read_mostly', '.data.ro_after_init', '.rodata', '.data',
                 '.bss', '.init.data', '.init.rodata'):
        if section == kind or section.startswith(kind + '.'):
            return kind.replace('.data.rel.ro', '.rodata')
    return section
