#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The oracle must object to each kind of fault, and to nothing else: faults are planted in small
objects and in accounts that are right without them."""
import copy
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from compare import Lines, Report, Thing, compare, lines_of
from judge import Account, judge
from objects import Object

FLAGS = ('-O2 -std=gnu99 -fpic -fvisibility=hidden -ffreestanding -mno-red-zone -w '
         '-fno-asynchronous-unwind-tables -fno-stack-protector -fcf-protection=none '
         '-fno-jump-tables -ffunction-sections -fdata-sections').split()

PRELUDE = '''
#define noinline __attribute__((__noinline__))
#define __init __attribute__((__section__(".init.text"), __noinline__))
#pragma GCC visibility push(hidden)
extern int outside(int), printk(const char *, ...);
extern void die(int) __attribute__((__cold__));
#define WARN(line) asm volatile ("1: ud2\\n.pushsection .bug_frames.1,\\"a\\"\\n.p2align 2\\n2:\\n" \\
    ".long (1b - 2b) + %c0\\n.long (%c1 - 2b) + %c2\\n.popsection" \\
    :: "i" (((line) >> 7) << 24), "i" ("unit.c"), "i" (((line) & 127) << 24))
'''

ONE = '''
static const int limits[] = { 1, 2, 3, 4 };
static noinline int help(int x) { return outside(x) * 3; }
int admit(int a, int b) { static int calls; calls++; return a > b ? help(a) : printk("no %d", b); }
int limit(int i) { return limits[i & 3]; }
int other(int a) { static int calls; calls += 7; return outside(a) + calls; }
int get(void) { return 5; }
int calls_get(void) { return get() + outside(1); }
void where(void) { WARN(300); die(4711); }
int __init boot(int x) { return outside(x); }
'''
TWO = '''
int twin(int x) { return outside(x) - 1; }
int second(int x) { return outside(x) - 2; }
int table_user(int i) { return printk("%d", i); }
'''


class Oracle(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def object(self, name, text):
        (self.folder / f'{name}.c').write_text(PRELUDE + text)
        subprocess.run(['gcc', *FLAGS, '-c', f'{name}.c', '-o', f'{name}.o'], check=True,
                       cwd=self.folder)
        return Object(self.folder / f'{name}.o')

    def report(self, units, moves=Lines()):
        """Of units before and after: {'one.o': (text, text)}; None where a unit is not there."""
        whole = Report()
        for n, (unit, (before, after)) in enumerate(units.items()):
            whole.update(compare(unit, self.object(f'b{n}', before) if before else None,
                                 self.object(f'a{n}', after) if after else None, moves))
        return whole

    def change(self, old, new, text=ONE, **more):
        self.assertIn(old, text)
        return self.report({'one.o': (text, text.replace(old, new))}, **more)

    @staticmethod
    def account(report, **more):
        """One that is right: everything that differs is in it."""
        roles = {'differs': 'replacement', 'appeared': 'addition', 'vanished': 'gone'}
        contents = [{'role': roles[c.kind], 'name': t.name, 'unit': t.unit}
                    for t, c in report.functions.items() if c.kind != 'lines']
        contents += [{'role': 'constant', 'name': t.name, 'unit': t.unit} for t in report.data]
        contents += [{'role': 'replacement', 'name': t.name, 'unit': t.unit}
                     for t in report.readers if t not in report.functions]
        return {'exit_code': 0, 'units': [{'object': u} for u in sorted(report.units)],
                'contents': contents, 'line_only': [], 'findings': [], **more}

    def accepts(self, report, document=None):
        self.assertEqual(judge(report, Account.read(document or self.account(report))), [])

    def objects(self, report, document, *words):
        text = '\n'.join(judge(report, Account.read(document)))
        for w in words:
            self.assertIn(w, text)

    @staticmethod
    def without(document, name):
        document = copy.deepcopy(document)
        document['contents'] = [c for c in document['contents'] if c['name'] != name]
        return document

    # --- faults of an account

    def test_right_account(self):
        r = self.change('a > b', 'a >= b')
        self.assertEqual({t.name for t in r.functions}, {'admit'})
        self.accepts(r)

    def test_function_dropped(self):
        r = self.change('a > b', 'a >= b')
        self.objects(r, self.without(self.account(r), 'admit'), 'admit', 'differs')

    def test_function_said_to_be_bound(self):
        r = self.change('a > b', 'a >= b')
        document = self.without(self.account(r), 'admit')
        document['account'] = {'entries': [{'unit': 'one.o', 'name': 'admit',
                                            'kind': 'function', 'fate': 'bound'}]}
        self.objects(r, document, 'admit differs', 'the account says it needs nothing')
        document['account']['entries'][0]['fate'] = 'replaced'
        self.accepts(r, document)

    def test_named_by_a_finding(self):
        r = self.change('outside(x); }\n', 'outside(x) + 9; }\n', ONE)
        self.assertEqual({t.name for t in r.functions}, {'boot'})
        document = self.without(self.account(r), 'boot')
        self.objects(r, document, 'boot', '(at boot)')
        document['findings'] = [{'code': 'init.half', 'severity': 'warning', 'function': 'boot',
                                 'file': 'one.o', 'why': 'It runs only at boot.'}]
        self.accepts(r, document)

    def test_replaced_for_nothing(self):
        r = self.change('a > b', 'a >= b')
        document = self.account(r)
        document['contents'].append({'role': 'replacement', 'name': 'other', 'unit': 'one.o'})
        self.objects(r, document, 'other is replaced, and does not differ')

    def test_unit_left_uncompiled(self):
        r = self.report({'one.o': (ONE, ONE.replace('* 3', '* 4')),
                         'two.o': (TWO, TWO.replace('- 1', '- 5'))})
        document = self.account(r)
        self.accepts(r, document)
        document['units'] = [{'object': 'one.o'}]
        self.objects(r, document, 'two.o: was left uncompiled')

    def test_alias(self):
        after = TWO.replace('int second(int x) { return outside(x) - 2; }',
                            'int second(int x) __attribute__((__alias__("twin")));')
        after = after.replace('- 1', '- 3')
        r = self.report({'two.o': (TWO, after)})
        self.assertEqual({t.name for t in r.functions}, {'twin', 'second'})
        self.accepts(r)
        self.objects(r, self.without(self.account(r), 'second'), 'second')

    def test_moved_function(self):
        twin = 'int twin(int x) { return outside(x) - 1; }\n'
        r = self.report({'one.o': (ONE, ONE + twin.replace('- 1', '- 9')),
                         'two.o': (TWO, TWO.replace(twin, ''))})
        self.accepts(r)
        self.objects(r, self.without(self.account(r), 'twin'), 'twin moved here from two.o')

    def test_vanished_function(self):
        r = self.report({'two.o': (TWO, TWO.replace(
            'int second(int x) { return outside(x) - 2; }', ''))})
        self.accepts(r)
        self.objects(r, self.without(self.account(r), 'second'), 'second is gone')

    def test_new_function(self):
        r = self.report({'two.o': (TWO, TWO + 'int fresh(void) { return outside(77); }')})
        self.accepts(r)
        self.objects(r, self.without(self.account(r), 'fresh'), 'fresh is new')

    def test_unit_vanished(self):
        r = self.report({'two.o': (TWO, None)})
        self.accepts(r)
        document = self.without(self.account(r), 'twin')
        self.objects(r, document, 'twin is gone')

    def test_constant(self):
        r = self.change('1, 2, 3, 4', '1, 2, 3, 9')
        self.assertEqual({t.name for t in r.data}, {'limits'})
        self.assertEqual({t.name for t in r.readers}, {'limit'})
        self.accepts(r)  # its reader is replaced, rightly
        self.objects(r, self.without(self.account(r), 'limits'), 'limits')

    def test_callers_of_a_short_function(self):
        short = 'int get(void) { return 5; }'
        r = self.change(short, 'int get(void) { return outside(5); }',
                        ONE.replace(short, '__attribute__((__noipa__)) ' + short))
        document = self.account(r)
        document['contents'].append({'role': 'replacement', 'name': 'calls_get', 'unit': 'one.o'})
        self.accepts(r, document)

    def test_refusal(self):
        r = self.change('a > b', 'a >= b')
        refused = {'exit_code': 1, 'units': [{'object': 'one.o'}],
                   'findings': [{'code': 'x', 'severity': 'error', 'function': 'admit',
                                 'why': '-'}]}
        self.accepts(r, refused)
        refused['findings'][0]['function'] = 'elsewhere'
        self.objects(r, refused, 'refused for elsewhere, where nothing differs')
        refused['findings'][0].update(function='', code='select.nothing-changed')
        self.objects(r, refused, 'says that nothing changes, but these do: admit')
        refused['findings'] = []
        self.objects(r, refused, 'without a reason')

    def test_bad_input(self):
        r = self.change('a > b', 'a >= b')
        bad = {'exit_code': 3, 'findings': [{'code': 'patch.renames', 'severity': 'error',
                                             'why': 'It renames one.c.'}]}
        self.accepts(r, bad)
        bad['findings'][0]['code'] = 'file.unreadable'
        self.objects(r, bad, 'xlp-build failed: file.unreadable')

    # --- what counts as a difference, and what does not

    def same(self, report):
        self.assertEqual([t for t, c in report.functions.items() if c.kind != 'lines'], [])
        self.assertEqual(report.data, {})

    def test_nothing(self):
        self.same(self.report({'one.o': (ONE, ONE)}))

    def test_line_number(self):
        moves = Lines(frozenset({0, 3}), 5000)
        r = self.change('4711', '4714', moves=moves)
        self.same(r)
        self.assertEqual(r.functions[Thing('one.o', 'where')].kind, 'lines')
        self.accepts(r, {'units': []})
        for other in ('4719', '4712'):  # the patch moves no line so far
            r = self.change('4711', other, moves=moves)
            self.assertEqual(r.functions[Thing('one.o', 'where')].kind, 'differs')
        # no file has so many lines
        r = self.change('4711', '4714', moves=Lines(frozenset({0, 3}), 300))
        self.assertEqual(r.functions[Thing('one.o', 'where')].kind, 'differs')

    def test_bug_frame(self):
        self.same(self.change('WARN(300)', 'WARN(700)'))
        r = self.change('WARN(300);', 'WARN(300); WARN(301);')
        self.assertEqual({t.name for t in r.functions}, {'where'})

    def test_numbers_of_statics(self):
        first = 'int zero(void) { static int calls; return calls ^= 5; }\n'
        r = self.report({'one.o': (ONE, first + ONE)})
        self.assertEqual({t.name for t in r.functions}, {'zero'})

    def test_strings(self):
        r = self.report({'one.o': (ONE, 'int zero(void) { return printk("first"); }\n' + ONE)})
        self.assertEqual({t.name for t in r.functions}, {'zero'})
        r = self.change('no %d', 'no, %d')
        self.assertEqual({t.name for t in r.functions}, {'admit'})

    def test_cold_part(self):
        cold = 'int chill(int x) { if (x == 3) { die(x); outside(%d); } return x; }'
        r = self.report({'one.o': (cold % 5, cold % 6)})
        self.assertEqual({t.name for t in r.functions}, {'chill'})

    def test_callee(self):
        r = self.change('return a > b ? help(a)', 'return a > b ? outside(a)')
        self.assertIn('admit', {t.name for t in r.functions})

    def test_lines_of_a_patch(self):
        patch = ('--- a/x.c\n+++ b/x.c\n@@ -10,2 +10,4 @@\n a\n+b\n+c\n d\n@@ -50,3 +52,2 @@\n'
                 ' e\n-f\n g\n')
        self.assertEqual(lines_of([patch]).shifts, {0, 1, 2})
        (self.folder / 'x.c').write_text('\n' * 77)
        self.assertEqual(lines_of([patch], self.folder).last, 77)


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
