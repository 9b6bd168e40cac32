import { describe, expect, it } from 'vitest';
import { isPickleObject } from '../../../toolkit/pytorch/pickle/value.ts';
import { bytes, expectRefusal, little, read, text } from './helpers.ts';

/** Bytes of typed arrays and of objects that stay after `action`. */
function memoryTaken(action: () => unknown): number {
  const before = process.memoryUsage();
  action();
  const after = process.memoryUsage();
  return after.rss - before.rss;
}

describe('lengths beyond the file', () => {
  it.each<[string, readonly (string | Uint8Array)[]]>([
    ['BINBYTES8 of 2^62', ['\x8e', little(2n ** 62n, 8), 'abc.']],
    ['BINBYTES8 of 2^64 - 1', ['\x8e', little(-1, 8), 'abc.']],
    ['BINUNICODE8 of 2^40', ['\x8d', little(2n ** 40n, 8), 'abc.']],
    ['BYTEARRAY8 of 2^33', ['\x96', little(2n ** 33n, 8), 'abc.']],
    ['BINBYTES of 2^32 - 1', ['B', little(-1, 4), 'abc.']],
    ['BINUNICODE of 2^31', ['X', little(2 ** 31, 4), 'abc.']],
    ['BINSTRING of 2^31 - 1', ['T', little(2 ** 31 - 1, 4), 'abc.']],
    ['LONG4 of 2^31 - 1', ['\x8b', little(2 ** 31 - 1, 4), 'abc.']],
  ])('refuses %s before it takes memory', (_, parts) => {
    const taken = memoryTaken(() => expectRefusal(() => read(parts), 'CHECKPOINT_CORRUPT', 'bytes are needed'));
    expect(taken).toBeLessThan(64 * 2 ** 20);
  });

  it.each([
    ['BINSTRING', 'T'],
    ['LONG4', '\x8b'],
  ])('rejects a negative length of %s', (_, opcode) =>
    expectRefusal(() => read([opcode, little(-1, 4), 'abc.']), 'CHECKPOINT_CORRUPT', 'is negative'),
  );

  it('rejects integers of more than 1,024 bytes, in either notation', () => {
    const long = ['\x8b', little(1025, 4), 'x'.repeat(1025), '.'];
    expectRefusal(() => read(long), 'CHECKPOINT_UNSUPPORTED', 'an integer is too large');
    expectRefusal(() => read([`L${'9'.repeat(3000)}\n.`]), 'CHECKPOINT_UNSUPPORTED', 'too many digits');
    expect(read([`L${'9'.repeat(2000)}\n.`])).toBe(10n ** 2000n - 1n);
  });
});

describe('bombs', () => {
  it('shares structures that double at every step, instead of copying them', () => {
    // A tuple of itself twice, 500 times over: 2^500 leaves if it were unfolded.
    const value = read([')', '2\x86'.repeat(500), '.']);
    if (!isPickleObject(value) || value.kind !== 'tuple') throw new Error('no tuple');
    expect(value.items[0]).toBe(value.items[1]);
  });

  it.each([
    ['lists', `${']'.repeat(1e6)}${'a'.repeat(1e6 - 1)}.`],
    ['tuples', `N${'\x85'.repeat(5000)}.`],
    ['dicts', `${'}N'.repeat(5000)}N${'s'.repeat(5000)}.`],
    ['states of objects', `${'ca\nB\n)R'.repeat(5000)}N${'b'.repeat(5000)}.`],
    ['callables of callables', `ca\nB\n${')R'.repeat(5000)}.`],
  ])('refuses deep nesting of %s', (_, pickle) =>
    expectRefusal(() => read([pickle]), 'CHECKPOINT_UNSUPPORTED', /nest deeper|objects|too high/),
  );

  it('rejects nesting that a shallow list hides', () => {
    // Every list of the outer one contains the list before it: found one by one, each is only two deep.
    const steps = Array.from({ length: 2000 }, (_, k) => [']', 'j', little(k, 4), 'a', 'r', little(k + 1, 4), 'a']);
    const parts = [']]', 'r', little(0, 4), 'a', ...steps.flat(), '.'];
    expectRefusal(() => read(parts), 'CHECKPOINT_UNSUPPORTED', 'nest deeper');
  });

  it('rejects two chains that are too deep only together', () => {
    const chain = (innermost: string) => `${']'.repeat(600)}${innermost}${'a'.repeat(600)}`;
    const first = `${chain('N')}q\x00`;
    expectRefusal(() => read([first, chain('h\x00'), '\x86.']), 'CHECKPOINT_UNSUPPORTED', 'nest deeper');
    expect(() => read([first, chain('N'), '\x86.'])).not.toThrow();
  });

  it('allows nesting up to the limit, and values that contain themselves', () => {
    expect(() => read([`${']'.repeat(1000)}${'a'.repeat(999)}.`])).not.toThrow();
    const value = read([']q\x00h\x00a.']);
    expect(isPickleObject(value) && value.kind === 'list' && value.items[0] === value).toBe(true);
  });

  it.each<[string, string]>([
    ['values on the stack', `${'N'.repeat(1_100_000)}.`],
    ['marks', `${'('.repeat(1_100_000)}.`],
    ['places of the memo', `N${'\x94'.repeat(1_100_000)}.`],
    ['objects', `(${')0'.repeat(1_100_000)}t.`],
  ])('refuses too many %s', (_, pickle) =>
    expectRefusal(() => read([pickle]), 'CHECKPOINT_UNSUPPORTED', /stack|marks|memo|objects/),
  );

  it('refuses to copy one text many times', () => {
    const big = bytes('X', little(2 ** 20, 4), 'a'.repeat(2 ** 20), '\x940');
    const parts = [big, 'c_codecs\nencode\n\x940'];
    const calls = ['(', ...Array.from({ length: 100 }, () => ['h\x01h\x00', text('latin1'), '\x86R']).flat(), 't.'];
    expectRefusal(() => read([...parts, ...calls]), 'CHECKPOINT_UNSUPPORTED', 'arrays and texts');
  });

  it('refuses to fill many sets from one list', () => {
    const list = `](${'K\x01'.repeat(60_000)}e\x940`;
    const calls = `(${'c__builtin__\nset\nh\x00\x85R'.repeat(30)}t.`;
    expectRefusal(() => read([list, calls]), 'CHECKPOINT_UNSUPPORTED', 'objects');
  });

  it('rejects integers beyond 2^53 as keys, many of which make a slow Map', () => {
    expectRefusal(() => read(['}\x8a\x09', little(0, 8), '\x01Ns.']), 'CHECKPOINT_UNSUPPORTED', 'key beyond');
  });
});
