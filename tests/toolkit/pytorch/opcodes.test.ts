import { describe, expect, it } from 'vitest';
import type { PickleValue } from '../../../toolkit/pytorch/pickle/value.ts';
import { expectRefusal, little, read, readWithContext, text } from './helpers.ts';

const list = (...items: PickleValue[]) => ({ kind: 'list', items });
const tuple = (...items: PickleValue[]) => ({ kind: 'tuple', items });
const dict = (...entries: [PickleValue, PickleValue][]) => ({
  kind: 'dict',
  entries: new Map(entries),
  attributes: undefined,
});
const doubleBigEndian = (value: number) => {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleBE(value);
  return buffer;
};

describe('numbers, None and booleans', () => {
  it.each<[string, readonly (string | Uint8Array)[], PickleValue]>([
    ['NONE', ['N.'], null],
    ['NEWTRUE', ['\x88.'], true],
    ['NEWFALSE', ['\x89.'], false],
    ['INT', ['I-12\n.'], -12],
    ['INT as True', ['I01\n.'], true],
    ['INT as False', ['I00\n.'], false],
    ['INT beyond 2^53', ['I9007199254740993\n.'], 9007199254740993n],
    ['BININT', ['J', little(-2, 4), '.'], -2],
    ['BININT1', ['K\xff.'], 255],
    ['BININT2', ['M\x01\x02.'], 513],
    ['LONG of Python 2', ['L-5L\n.'], -5],
    ['LONG1', ['\x8a\x02\x00\x80.'], -32768],
    ['LONG1, empty', ['\x8a\x00.'], 0],
    ['LONG1 beyond 2^53', ['\x8a\x09', little(0, 8), '\x01.'], 2n ** 64n],
    ['LONG4', ['\x8b', little(1, 4), '\xff.'], -1],
    ['FLOAT', ['F-1.5e-3\n.'], -0.0015],
    ['FLOAT, infinite', ['F-inf\n.'], Number.NEGATIVE_INFINITY],
    ['BINFLOAT', ['G', doubleBigEndian(0.1), '.'], 0.1],
  ])('%s', (_, parts, expected) => expect(read(parts)).toBe(expected));

  it.each(['I1x\n.', 'I\n.', 'L0x10\n.', 'F1e\n.', 'Fabc\n.', 'I 1 2\n.'])(
    'refuses the malformed number %j',
    (pickle) => expectRefusal(() => read([pickle]), 'CHECKPOINT_CORRUPT', /is not an? (integer|number)/),
  );
});

describe('texts and bytes', () => {
  it.each<[string, readonly (string | Uint8Array)[], PickleValue]>([
    ['STRING', ["S'it\\'s\\n\\x41\\101 \\q'\n."], "it's\nAA \\q"],
    ['BINSTRING as Latin-1', ['T', little(2, 4), '\xe9a.'], 'éa'],
    ['SHORT_BINSTRING', ['U\x02ab.'], 'ab'],
    ['UNICODE', ['Va\\u4e16\\U0001f642\\n\n.'], 'a世🙂\\n'],
    ['BINUNICODE', ['X', little(3, 4), '\xe4\xb8\x96.'], '世'],
    ['BINUNICODE, beginning with a byte order mark', ['X', little(4, 4), '\xef\xbb\xbfa.'], '\ufeffa'],
    ['SHORT_BINUNICODE', ['\x8c\x01a.'], 'a'],
    ['BINUNICODE8', ['\x8d', little(1, 8), 'a.'], 'a'],
  ])('%s', (_, parts, expected) => expect(read(parts)).toBe(expected));

  it.each<[string, readonly (string | Uint8Array)[]]>([
    ['SHORT_BINBYTES', ['C\x02a\xff.']],
    ['BINBYTES', ['B', little(2, 4), 'a\xff.']],
    ['BINBYTES8', ['\x8e', little(2, 8), 'a\xff.']],
    ['BYTEARRAY8', ['\x96', little(2, 8), 'a\xff.']],
    ['_codecs.encode', ['c_codecs\nencode\n', text('aÿ'), text('latin1'), '\x86R.']],
    ['bytearray of Python 2', ['c__builtin__\nbytearray\n', text('aÿ'), text('latin-1'), '\x86R.']],
  ])('%s', (_, parts) => expect(read(parts)).toEqual(new Uint8Array([0x61, 0xff])));

  it('rejects a text that is not UTF-8, one without quotes, and bytes of other characters', () => {
    expectRefusal(() => read(['\x8c\x01\xff.']), 'CHECKPOINT_CORRUPT', 'UTF-8');
    expectRefusal(() => read(['Sab\n.']), 'CHECKPOINT_CORRUPT', 'quotes');
    const wide = ['c_codecs\nencode\n', text('世'), text('latin1'), '\x86R.'];
    expectRefusal(() => read(wide), 'CHECKPOINT_CORRUPT', 'Latin-1');
  });
});

describe('containers', () => {
  it.each<[string, string, unknown]>([
    ['EMPTY_LIST, APPEND', ']K\x01aK\x02a.', list(1, 2)],
    ['APPENDS', '](K\x01K\x02e.', list(1, 2)],
    ['LIST', '(K\x01K\x02l.', list(1, 2)],
    ['EMPTY_TUPLE', ').', tuple()],
    ['TUPLE1', 'K\x01\x85.', tuple(1)],
    ['TUPLE2', 'K\x01K\x02\x86.', tuple(1, 2)],
    ['TUPLE3', 'K\x01K\x02K\x03\x87.', tuple(1, 2, 3)],
    ['TUPLE', '(K\x01K\x02t.', tuple(1, 2)],
    ['EMPTY_DICT, SETITEM', '}K\x01K\x02s.', dict([1, 2])],
    ['SETITEMS, the last of equal keys wins', '}(K\x01K\x02K\x01K\x03u.', dict([1, 3])],
    ['DICT', '(K\x01K\x02d.', dict([1, 2])],
    ['EMPTY_SET, ADDITEMS', '\x8f(K\x01K\x01\x90.', { kind: 'set', items: new Set([1]) }],
    ['FROZENSET', '(K\x01\x91.', { kind: 'set', items: new Set([1]) }],
    ['OrderedDict', 'ccollections\nOrderedDict\n)RK\x01K\x02s.', dict([1, 2])],
    ['OrderedDict of pairs', 'ccollections\nOrderedDict\n](](K\x01K\x02ee\x85R.', dict([1, 2])],
    ['set of a list', 'c__builtin__\nset\n](K\x01e\x85R.', { kind: 'set', items: new Set([1]) }],
  ])('%s', (_, pickle, expected) => expect(read([pickle])).toEqual(expected));

  it('keeps a key with the name of a property of every object', () => {
    const value = read(['}', text('__proto__'), 'K\x01s.']);
    expect(value).toEqual(dict(['__proto__', 1]));
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  it.each([
    ['a key without a value', '}(K\x01u.', 'a key without a value'],
    ['a list as key', '}]K\x01s.', 'a list as a key'],
    ['items for a number', 'K\x01K\x02a.', 'are appended to the number'],
    ['entries for a tuple', ')K\x01K\x02s.', 'are set on a tuple'],
    ['additions to a list', '](K\x01\x90.', 'are added to a list'],
  ])('refuses %s', (_, pickle, message) => expectRefusal(() => read([pickle]), 'CHECKPOINT_CORRUPT', message));
});

describe('stack, memo and frames', () => {
  it.each<[string, readonly (string | Uint8Array)[], unknown]>([
    ['PROTO, FRAME', ['\x80\x04\x95', little(2, 8), 'N.'], null],
    ['POP', ['K\x01K\x020.'], 1],
    ['POP of a mark', ['K\x01(0.'], 1],
    ['POP_MARK', ['K\x01(K\x02K\x031.'], 1],
    ['DUP', ['K\x012\x86.'], tuple(1, 1)],
    ['PUT, GET', ['K\x07p300\n0g300\n.'], 7],
    ['BINPUT, BINGET', ['K\x07q\x050h\x05.'], 7],
    ['LONG_BINPUT, LONG_BINGET', ['K\x07r', little(4e9, 4), '0j', little(4e9, 4), '.'], 7],
    ['MEMOIZE', ['K\x07\x94K\x08\x9400h\x01.'], 8],
  ])('%s', (_, parts, expected) => expect(read(parts)).toEqual(expected));

  it('stops the reader after the end', () => {
    expect(readWithContext(['K\x01.K\x02.']).reader.position).toBe(3);
  });

  it.each([
    ['an empty file', '', '1 bytes are needed at byte 0, 0 are left'],
    ['no end', 'K\x01', 'bytes are needed'],
    ['a pop of nothing', '0.', 'too few values'],
    ['a pop below a mark', 'K\x01(a.', 'too few values'],
    ['an item from below a mark', ']K\x01(at\x86.', 'too few values'],
    ['a tuple of nothing', '\x85.', 'too few values'],
    ['a missing mark', 't.', 'too few values'],
    ['two values at the end', 'NN.', 'more than one value'],
    ['a mark at the end', 'N(.', /more than one value|too few/],
    ['a memo that is not written', 'h\x00.', 'memo 0 is read before it is written'],
    ['a negative place of the memo', 'Np-1\n.', 'not a natural number'],
    ['a frame beyond the file', '\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00N.', '255 bytes are needed'],
    ['an unknown opcode', '\x80\x02\xfe.', 'byte 2, 0xfe, is not an opcode'],
    ['a line without end', 'I12', 'has no end'],
  ])('refuses %s', (_, pickle, message) => expectRefusal(() => read([pickle]), 'CHECKPOINT_CORRUPT', message));

  it.each([
    ['EXT1', '\x82\x01.'],
    ['EXT2', '\x83\x01\x00.'],
    ['EXT4', '\x84\x01\x00\x00\x00.'],
    ['NEXT_BUFFER', '\x97.'],
    ['READONLY_BUFFER', '\x98.'],
    ['protocol 6', '\x80\x06N.'],
  ])('does not support %s', (name, pickle) =>
    expectRefusal(() => read([pickle]), 'CHECKPOINT_UNSUPPORTED', new RegExp(name)),
  );
});
