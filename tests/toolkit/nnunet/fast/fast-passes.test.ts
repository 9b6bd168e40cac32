import { readFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { ReigniteError } from '../../../../toolkit/errors.ts';
import { RowsNetwork } from '../../../../toolkit/nnunet/fast/rows-network.ts';
import { DeviceRows, HostRows } from '../../../../toolkit/nnunet/fast/rows-pass.ts';
import { readModelCard } from '../../../../toolkit/nnunet/model-card.ts';
import type { FoldNetworks } from '../../../../toolkit/nnunet/networks/ort-fold-networks.ts';
import {
  exactPass,
  type ImageNetworks,
  type PassOver,
  segmentWith,
} from '../../../../toolkit/nnunet/sliding-window/segment-roi.ts';
import { tileGrid } from '../../../../toolkit/nnunet/sliding-window/tile-grid.ts';
import { noise } from '../../../support/random-numbers.ts';
import { fakeNetworks } from '../support/fake-networks.ts';
import { jobIn, useScratch, writeRgb } from '../support/scratch.ts';
import { writeTinyModel } from '../support/tiny-model.ts';

const [WIDTH, HEIGHT, TILE] = [70, 120, 32];
const IDENTITY = { model: 'tiny' };
const scratch = useScratch();

function hostPass(networks: FoldNetworks): PassOver {
  return (roi, partial, before) => new HostRows(roi, networks, partial, before);
}

/** The tile rows of each run that follows. */
function heightsOf(network: RowsNetwork): readonly number[] {
  const heights: number[] = [];
  const run = network.run.bind(network);
  vi.spyOn(network, 'run').mockImplementation((roi, plan, rows, carried) => {
    heights.push(rows);
    return run(roi, plan, rows, carried);
  });
  return heights;
}

/** Segments until it is done, interrupted whenever it was about to predict for the `patience`-th time. */
async function segmentInPieces(
  job: Parameters<typeof segmentWith>[0],
  networks: ImageNetworks,
  passOver: PassOver,
  patience: number,
): Promise<number> {
  for (let attempts = 1; ; attempts++) {
    let left = patience;
    const throwIfAborted = () => {
      if (left-- <= 0) throw new Error('killed');
    };
    const signal = { throwIfAborted };
    const isDone = await segmentWith(job, networks, passOver, IDENTITY, { signal }).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Error && error.message === 'killed') return false;
        throw error;
      },
    );
    if (isDone) return attempts;
  }
}

async function expectSameInPieces(networks: ImageNetworks, passOver: PassOver, patience: number): Promise<void> {
  const image = await writeRgb(scratch.path('image.png'), WIDTH, HEIGHT, noise(WIDTH * HEIGHT * 3, 7));
  const [whole, pieces] = [jobIn(scratch, 'whole', image), jobIn(scratch, 'pieces', image)];
  await segmentWith(whole, networks, passOver, IDENTITY);
  expect(await segmentInPieces(pieces, networks, passOver, patience)).toBeGreaterThan(3);
  for (const file of ['mask', 'confidence'] as const) {
    expect((await readFile(pieces[file])).equals(await readFile(whole[file]))).toBe(true);
  }
}

describe('the fast engine, interrupted and resumed', () => {
  it('gives the same bytes with sums on the host', async () => {
    const networks = fakeNetworks({ height: TILE, width: TILE }, 4, 3);
    const tilesOfRow = 4;
    await expectSameInPieces(networks, hostPass(networks), 3 * tilesOfRow + 3);
  });

  it('gives the same bytes with sums in the graph, also with other block heights', async () => {
    const modelDir = await writeTinyModel(scratch.path('model'), [TILE, TILE]);
    const card = await readModelCard(modelDir);
    const options = { provider: 'cpu', precision: 'float32', batch: 1, session: { threads: 1 } } as const;
    const [high, low] = [
      await RowsNetwork.open(modelDir, card, { ...options, runSeconds: Number.POSITIVE_INFINITY }),
      await RowsNetwork.open(modelDir, card, { ...options, runSeconds: 0 }),
    ];
    let calls = 0;
    const passOver: PassOver = (roi, partial, before) =>
      new DeviceRows(roi, calls++ === 0 ? high : low, partial, before);
    // The first image shows the network of high blocks how long a tile takes.
    const image = await writeRgb(scratch.path('small.png'), TILE, TILE, noise(TILE * TILE * 3, 3));
    await segmentWith(jobIn(scratch, 'small', image), high, passOver, IDENTITY);
    calls = 0;
    const [heights, lowHeights] = [heightsOf(high), heightsOf(low)];
    try {
      await expectSameInPieces(high, passOver, 2);
      expect(Math.max(...heights)).toBeGreaterThan(2);
      expect(new Set(lowHeights)).toEqual(new Set([1]));
    } finally {
      vi.restoreAllMocks();
      await high.close();
      await low.close();
    }
  });
});

it('gives the same bytes if commits are skipped, and starts over if interrupted before the first', async () => {
  const networks = fakeNetworks({ height: TILE, width: TILE }, 4, 3);
  const image = await writeRgb(scratch.path('image.png'), WIDTH, HEIGHT, noise(WIDTH * HEIGHT * 3, 7));
  for (const passOf of [exactPass(networks), hostPass(networks)]) {
    const [whole, late] = [jobIn(scratch, 'whole', image), jobIn(scratch, 'late', image)];
    await segmentWith(whole, networks, passOf, IDENTITY);
    const commitMs = Number.POSITIVE_INFINITY;
    let left = 60;
    const throwIfAborted = () => {
      if (left-- <= 0) throw new Error('killed');
    };
    const interrupted = segmentWith(late, networks, passOf, IDENTITY, { commitMs, signal: { throwIfAborted } });
    await expect(interrupted).rejects.toThrow('killed');
    const { resumedFrom } = await segmentWith(late, networks, passOf, IDENTITY, { commitMs });
    expect(resumedFrom).toBeUndefined();
    for (const file of ['mask', 'confidence'] as const) {
      expect((await readFile(late[file])).equals(await readFile(whole[file]))).toBe(true);
    }
  }
});

/** A network whose blocks are as high as memory allows, and an image. */
async function openOnCpu() {
  const modelDir = await writeTinyModel(scratch.path('model'), [TILE, TILE]);
  const network = await RowsNetwork.open(modelDir, await readModelCard(modelDir), {
    provider: 'cpu',
    precision: 'float32',
    batch: 2,
    session: { threads: 1 },
    runSeconds: Number.POSITIVE_INFINITY,
  });
  const passOver: PassOver = (roi, partial, before) => new DeviceRows(roi, network, partial, before);
  const image = await writeRgb(scratch.path('image.png'), WIDTH, HEIGHT, noise(WIDTH * HEIGHT * 3, 7));
  return { network, passOver, image };
}

it('transfers three bytes per pixel if all rows fit into one run', async () => {
  const { network, passOver, image } = await openOnCpu();
  try {
    await segmentWith(jobIn(scratch, 'first', image), network, passOver, IDENTITY);
    const before = network.counts.outputBytes;
    await segmentWith(jobIn(scratch, 'second', image), network, passOver, IDENTITY);
    expect(network.counts.outputBytes - before).toBe(3 * WIDTH * HEIGHT);
    // Sums of a row that another one adds to came back in the first.
    expect(before).toBeGreaterThan(3 * WIDTH * HEIGHT);
  } finally {
    await network.close();
  }
});

it('runs fewer rows at once if the device has no room for a block', async () => {
  const { network, passOver, image } = await openOnCpu();
  const [whole, tight] = [jobIn(scratch, 'whole', image), jobIn(scratch, 'tight', image)];
  const tried: number[] = [];
  try {
    await segmentWith(whole, network, passOver, IDENTITY);
    const run = network.run.bind(network);
    vi.spyOn(network, 'run').mockImplementation((roi, plan, rows, carried) => {
      tried.push(rows);
      if (rows > 2) throw new ReigniteError('INFERENCE_FAILED', 'out of memory');
      return run(roi, plan, rows, carried);
    });
    await segmentWith(tight, network, passOver, IDENTITY);
    const first = tried[0] ?? 0;
    expect(first).toBeGreaterThan(2);
    expect(tried.at(-1)).toBeLessThanOrEqual(2);
    expect(await readFile(tight.mask)).toEqual(await readFile(whole.mask));

    vi.mocked(network.run).mockRejectedValue(new ReigniteError('INFERENCE_FAILED', 'out of memory'));
    await expect(segmentWith(jobIn(scratch, 'none', image), network, passOver, IDENTITY)).rejects.toThrow('memory');
    tried.splice(0);
    vi.mocked(network.run).mockImplementation(async (_roi, _plan, rows) => {
      tried.push(rows);
      throw new ReigniteError('INFERENCE_FAILED', 'The kernel of Gather failed.');
    });
    await expect(segmentWith(jobIn(scratch, 'other', image), network, passOver, IDENTITY)).rejects.toThrow('Gather');
    // Tried once, and as high as before the image without room.
    expect(tried).toEqual([first]);
  } finally {
    vi.restoreAllMocks();
    await network.close();
  }
});

it('rejects an image of which one tile row has more values than CUDA can index', async () => {
  const modelDir = await writeTinyModel(scratch.path('model'), [TILE, TILE]);
  const network = await RowsNetwork.open(modelDir, await readModelCard(modelDir), {
    provider: 'cpu',
    precision: 'float32',
    batch: 1,
    session: { threads: 1 },
  });
  const patch = { height: TILE, width: TILE };
  const ofColumns = (count: number) => {
    const width = ((count + 1) * TILE) / 2;
    const grid = tileGrid({ height: TILE, width: 2 * TILE }, patch);
    return { ...grid, columns: new Array<number>(count), padded: { height: TILE, width } };
  };
  try {
    const most = Math.floor(2 ** 31 / (TILE * TILE * (network.classes + 1)));
    expect(network.rowsAtOnce(ofColumns(most - 2))).toBe(1);
    expect(() => network.rowsAtOnce(ofColumns(most + 1))).toThrow('and CUDA counts at most 2147483647');
  } finally {
    await network.close();
  }
});
