import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { openCheckpoint } from '../../../toolkit/pytorch/containers/checkpoint.ts';
import { isPickleObject } from '../../../toolkit/pytorch/pickle/value.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { bytes, fixture, little, read, text } from './helpers.ts';
import { storedZip } from './stored-zip.ts';

const SEED = 20_240_611;
const MILLISECONDS = 1_000;
const MEGABYTES = 400;

const { share, below, oneOf } = randomNumbers(SEED);

/** Values that lengths, counts and offsets go wrong with. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff].map((edge) =>
  little(edge, 8),
);

function mutate(original: Uint8Array): Uint8Array<ArrayBuffer> {
  let result = bytes(original);
  for (let round = 1 + below(4); round > 0; round--) {
    const at = below(result.byteLength);
    const to = Math.min(result.byteLength, at + 1 + below(16));
    const [head, part, tail] = [result.subarray(0, at), result.subarray(at, to), result.subarray(to)];
    const kind = below(6);
    if (kind === 0) result = bytes(head, Uint8Array.of(below(256)), result.subarray(at + 1));
    else if (kind === 1) result = bytes(head, tail);
    else if (kind === 2) result = bytes(head, part, part, tail);
    else if (kind === 3) result = bytes(head, oneOf(EDGES).subarray(0, oneOf([1, 2, 4, 8])), result.subarray(at));
    else if (kind === 4) result = bytes(head, randomOpcodes(1 + below(4)), result.subarray(at));
    else result = bytes(head, oneOf(EDGES).subarray(0, to - at), tail);
  }
  return result;
}

const GLOBALS = [
  ...['collections\nOrderedDict', 'collections\ndefaultdict', '__builtin__\nset', '__builtin__\nbytearray'],
  ...['_codecs\nencode', 'numpy\ndtype', 'numpy.core.multiarray\nscalar', 'numpy.core.multiarray\n_reconstruct'],
  ...['numpy._core.numeric\n_frombuffer', 'torch._utils\n_rebuild_tensor_v2', 'torch._utils\n_rebuild_tensor_v3'],
  ...['torch._utils\n_rebuild_parameter', 'torch._tensor\n_rebuild_from_type_v2', 'torch\nFloatStorage', 'torch\nSize'],
  ...['torch\ndevice', 'numpy\nndarray', 'models.yolo\nDetect', 'torch\nfloat16'],
];

/** Opcodes that push one value. */
const PUSHES: readonly (() => string | Uint8Array)[] = [
  ...['N', '\x88', '\x89', ']', ')', '}', '\x8f', '(K\x01K\x02t', '(K\x01l', '(d', '(K\x01\x91'].map(
    (push) => () => push,
  ),
  () => bytes('c', oneOf(GLOBALS), '\n'),
  () => bytes('K', Uint8Array.of(below(8))),
  () => bytes('J', oneOf(EDGES).subarray(0, 4)),
  () => bytes('\x8a\x08', oneOf(EDGES)),
  () =>
    bytes(
      'G',
      Uint8Array.from({ length: 8 }, () => below(256)),
    ),
  () => text(oneOf(['f8', '<', 'latin1', 'storage', 'module', 'O8', '', 'x'.repeat(100)])),
  () => bytes('C\x08', oneOf(EDGES)),
  () => bytes(oneOf(['I', 'L', 'F', 'P']), String(below(10)), '\n'),
  () => bytes('c', oneOf(GLOBALS), '\n', randomPushes(below(8)), 'R'),
  () => bytes('h', Uint8Array.of(below(4))),
];

/** Opcodes that work on what is there: how many values they need, and how many more there are afterwards. */
const WORKERS: readonly (readonly [opcode: string, needs: number, more: number])[] = [
  ...(['0', 'a', 'b', 'R', '\x81', '\x93', '\x86'] as const).map((opcode) => [opcode, 2, -1] as const),
  ...(['2', 'q\x00', 'q\x01', 'q\x02', 'q\x03', '\x94'] as const).map((opcode) => [opcode, 1, 0] as const),
  ...[['\x85', 1, 0] as const, ['Q', 1, 0] as const, ['s', 3, -2] as const, ['\x87', 3, -2] as const],
  ...[['\x92', 3, -2] as const, ['(K\x01K\x02e', 1, 0] as const, ['(K\x01Nu', 1, 0] as const],
];

/** A tuple of random values. */
function randomPushes(count: number): Uint8Array {
  return bytes('(', ...Array.from({ length: count }, () => oneOf(PUSHES)()), 't');
}

/** Opcodes that mostly find what they need. */
function randomOpcodes(count: number): Uint8Array {
  const parts: (string | Uint8Array)[] = [];
  for (let height = 0; parts.length < count; ) {
    const [opcode, needs, more] = oneOf(WORKERS);
    if (height >= needs && share() < 0.5) {
      parts.push(opcode);
      height += more;
    } else {
      parts.push(oneOf(PUSHES)());
      height += 1;
    }
  }
  return bytes(...parts);
}

/** A value or a typed refusal; anything else fails the test. Says which it was. */
async function outcomeOf(action: () => unknown): Promise<string> {
  const before = process.cpuUsage();
  let outcome = 'value';
  try {
    await action();
  } catch (error) {
    if (!(error instanceof ReigniteError)) throw error;
    expect(error.code).toMatch(/^CHECKPOINT_/);
    outcome = error.code;
  }
  const { user } = process.cpuUsage(before);
  expect(user / 1_000).toBeLessThan(MILLISECONDS);
  return outcome;
}

const folder = suiteFolder();

async function openAndReadAll(content: Uint8Array): Promise<void> {
  const path = join(folder(), 'model.pt');
  await writeFile(path, content);
  const checkpoint = await openCheckpoint(path);
  try {
    const entries = isPickleObject(checkpoint.root) && checkpoint.root.kind === 'dict' ? checkpoint.root.entries : [];
    for (const [, value] of entries) {
      if (isPickleObject(value) && value.kind === 'tensor') await checkpoint.readFloat32(value);
    }
  } finally {
    await checkpoint.close();
  }
}

describe('2,000 damaged files', () => {
  it('give a value or a typed error, quickly and with little memory', async () => {
    const fixtures = (names: readonly string[]) => names.map((name) => readFileSync(fixture(name)));
    const pickles = fixtures(['python.p0.pkl', 'python.p4.pkl', 'numpy.p0.pkl', 'numpy.p2.pkl', 'numpy.p5.pkl']);
    const [zip = Buffer.alloc(0), stream = Buffer.alloc(0)] = fixtures(['tiny.zip.pt', 'tiny.stream.pt']);
    const [large = bytes()] = fixtures(['checkpoint.stream.pt']);
    const pickleOfZip = zip.subarray(zip.indexOf('\x80\x02', 0, 'latin1'), zip.indexOf('s.PK', 0, 'latin1') + 2);
    const before = process.memoryUsage().rss;
    const outcomes = new Map<string, number>();
    const count = async (family: string, action: () => unknown) => {
      const outcome = `${family}: ${await outcomeOf(action)}`;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    };
    for (let round = 0; round < 500; round++) {
      const damaged = mutate(oneOf(pickles));
      await count('pickle', () => read([damaged]));
      const soup = bytes('Nq\x00q\x01q\x02q\x03(', randomOpcodes(3 + below(20)), 't\x86.');
      await count('opcodes', () => read([soup], { torch: true, inspect: true }));
      const damagedStream = mutate(oneOf([stream, stream, large]));
      await count('stream', () => openAndReadAll(damagedStream));
      const damagedZip = share() < 0.5 ? mutate(zip) : zipOf(mutate(pickleOfZip));
      await count('zip', () => openAndReadAll(damagedZip));
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(MEGABYTES * 2 ** 20);
    for (const family of ['pickle', 'opcodes', 'stream', 'zip']) {
      expect([...outcomes.keys()].filter((outcome) => outcome.startsWith(family)).length).toBeGreaterThan(1);
    }
  });
});

/** A zip that is sound except for its pickle, as the CRC-32 would hide most of the pickle's faults otherwise. */
function zipOf(pickle: Uint8Array): Uint8Array<ArrayBuffer> {
  return storedZip([
    { name: 'tiny/data.pkl', content: pickle },
    { name: 'tiny/data/0', content: new Uint8Array(12) },
  ]);
}
