import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { encodeModel } from '../../../toolkit/onnx/file/model-file.ts';
import { type Checkpoint, openCheckpoint } from '../../../toolkit/pytorch/containers/checkpoint.ts';
import { isPickleObject, type PickleValue } from '../../../toolkit/pytorch/pickle/value.ts';
import { detectorGraph } from '../../../toolkit/yolo/convert/detector-graph.ts';
import { readDetectorNetwork } from '../../../toolkit/yolo/convert/detector-network.ts';
import { TensorUsage } from '../../../toolkit/yolo/convert/module-tree.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { fixture, SIZE } from './support/fixtures.ts';
import { dict, list } from './support/pickle-tree.ts';

const ULTRALYTICS = ['v8.pt', 'v9.pt', 'v10.pt', 'v12.pt', 'seg.pt'].map((name) => join('..', 'ultralytics', name));
const FIXTURES = ['v7.pt', 'v3.pt', ...ULTRALYTICS];

const { share, below, oneOf } = randomNumbers(20_240_611);

const ODD: readonly PickleValue[] = [
  ...[null, true, false, 0, -1, 1, 2, 3, 0.5, 65_536, 2 ** 31, 2 ** 53, 1e308, Number.NaN, Number.POSITIVE_INFINITY],
  ...[1n << 70n, '', 'nearest', 'x'.repeat(1_000), new Uint8Array(3), list(), list(1, 2), list(-1, -1, -1), dict({})],
];

async function build(checkpoint: Checkpoint): Promise<'built' | 'refused'> {
  try {
    const network = await readDetectorNetwork(checkpoint);
    const usage = new TensorUsage(network.root, checkpoint.path, checkpoint);
    await encodeModel(detectorGraph(network, usage, { height: SIZE, width: SIZE }).graph);
    return 'built';
  } catch (error) {
    if (error instanceof ReigniteError) return 'refused';
    throw error;
  }
}

/** Every container within a value, once. */
function containers(root: PickleValue): readonly PickleValue[] {
  const found = new Set<PickleValue>();
  const rest: (PickleValue | undefined)[] = [root];
  while (rest.length > 0) {
    const value = rest.pop();
    if (!isPickleObject(value) || found.has(value)) continue;
    if (value.kind === 'dict') rest.push(...value.entries.values());
    else if (value.kind === 'list' || value.kind === 'tuple') rest.push(...value.items);
    else if (value.kind === 'reduced') rest.push(value.state);
    else continue;
    found.add(value);
  }
  return [...found];
}

/** Replaces, removes or moves one entry somewhere in a tree. */
function mutateTree(root: PickleValue, all: readonly PickleValue[]): void {
  const target = oneOf(all);
  const value = share() < 0.4 ? oneOf(all) : oneOf(ODD);
  if (!isPickleObject(target)) return;
  if (target.kind === 'dict' && target.entries.size > 0) {
    const key = oneOf([...target.entries.keys()]);
    if (share() < 0.2) target.entries.delete(key);
    else target.entries.set(key, value);
  } else if (target.kind === 'list' && target.items.length > 0) target.items[below(target.items.length)] = value;
  else if (target.kind === 'reduced' && target !== root) Object.assign(target, { state: value });
}

describe('mutated checkpoints', () => {
  it('are built or rejected if their trees are changed', async () => {
    const counts = { built: 0, refused: 0 };
    for (let round = 0; round < 120; round++) {
      const checkpoint = await openCheckpoint(fixture(oneOf(FIXTURES)));
      try {
        const all = containers(checkpoint.root);
        for (let times = 1 + below(10); times > 0; times--) mutateTree(checkpoint.root, all);
        counts[await build(checkpoint)]++;
      } finally {
        await checkpoint.close();
      }
    }
    expect(counts.built).toBeGreaterThan(10);
    expect(counts.refused).toBeGreaterThan(30);
  });

  it('are built or rejected if their bytes are changed', async () => {
    const path = join(await temporaryFolder(), 'mutant.pt');
    const original = readFileSync(fixture('v3.pt'));
    const pickleEnd = original.indexOf('pathlib') + 1_000;
    const counts = { built: 0, refused: 0 };
    for (let round = 0; round < 100; round++) {
      const bytes = Buffer.from(original);
      for (let times = 1 + below(4); times > 0; times--) bytes[below(pickleEnd)] = below(256);
      await writeFile(path, bytes);
      const checkpoint = await openCheckpoint(path).catch((error: unknown) => {
        if (error instanceof ReigniteError) return undefined;
        throw error;
      });
      if (checkpoint === undefined) counts.refused++;
      else counts[await build(checkpoint).finally(() => checkpoint.close())]++;
    }
    expect(counts.built).toBeGreaterThan(5);
    expect(counts.refused).toBeGreaterThan(20);
  });
});
