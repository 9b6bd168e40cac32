/**
 * What is done around the networks of one ROI, against the same of another checkout, in turns (A B A B ...): the networks
 * give random numbers and take no time, so that the rest is what remains on a fast GPU.
 *
 *     tsx bench/tile-sums.ts [--other CHECKOUT] [--size 3328x2560] [--engine exact|fast] [--pairs 3]
 *
 * Prints medians of processor time and their ratio, and fails where the files of the two differ; without another checkout,
 * the peak memory of the process.
 */
import { existsSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { noise } from '../tests/support/random-numbers.ts';
import { HostRows } from '../toolkit/nnunet/fast/rows-pass.ts';
import { RGB_SOFTMAX } from '../toolkit/nnunet/model-card.ts';
import type { FoldNetworks } from '../toolkit/nnunet/networks/ort-fold-networks.ts';
import { exactPass, type PassOver, segmentWith } from '../toolkit/nnunet/sliding-window/segment-roi.ts';
import { type Contender, paired, report } from './paired.ts';
import { parseSize, peakMemory, prepareImage, WORK_FOLDER } from './segment-roi-setup.ts';

const { values } = parseArgs({
  options: {
    other: { type: 'string' },
    size: { type: 'string', default: '3328x2560' },
    engine: { type: 'string', default: 'exact' },
    pairs: { type: 'string', default: '3' },
  },
});

/** Size of the paper's networks. */
const [PATCH, CLASSES, FOLDS] = [512, 17, 5];
/** As on a GPU. */
const COMMIT_MS = 3_000;

interface Checkout {
  readonly HostRows: typeof HostRows;
  readonly segmentWith: typeof segmentWith;
  readonly exactPass: typeof exactPass;
}

const [width, height] = parseSize(values.size);
const image = await prepareImage(width, height);
const scores = Float32Array.from(noise(PATCH * PATCH * CLASSES, 3), (byte) => byte / 255);
const networks: FoldNetworks = {
  patch: { height: PATCH, width: PATCH },
  classes: CLASSES,
  folds: FOLDS,
  method: RGB_SOFTMAX,
  run: async (fold, _input, output) => {
    // Filled once: copying numbers is the work of the networks' thread.
    if (output[0] === 0) output.set(scores);
    output[1] = fold / FOLDS;
  },
  releaseLargeNetworks: async () => undefined,
};

async function checkoutAt(folder: string): Promise<Checkout> {
  const load = (path: string) => import(pathToFileURL(join(resolve(folder), 'toolkit/nnunet', path)).href);
  const { HostRows: rows } = await load('fast/rows-pass.ts').catch(() => load('fast/host-rows.ts'));
  const segment = await load('sliding-window/segment-roi.ts');
  return { HostRows: rows, segmentWith: segment.segmentWith, exactPass: segment.exactPass };
}

function contender(name: string, { HostRows: Rows, segmentWith: segment, exactPass: exact }: Checkout): Contender {
  const outputs = {
    mask: join(WORK_FOLDER, `sums-${name}.png`),
    confidence: join(WORK_FOLDER, `sums-${name}.margin.png`),
  };
  const partialDir = join(WORK_FOLDER, `sums-${name}.partial`);
  const pass: PassOver =
    values.engine === 'fast' ? (roi, partial, before) => new Rows(roi, networks, partial, before) : exact(networks);
  const run = async () => {
    rmSync(partialDir, { recursive: true, force: true });
    const start = process.cpuUsage();
    await segment({ ...outputs, image, partialDir, scope: 'full' }, networks, pass, {}, { commitMs: COMMIT_MS });
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1_000;
  };
  return { name, run };
}

async function areSame(file: (name: string) => string): Promise<boolean> {
  return (await readFile(file('other'))).equals(await readFile(file('ours')));
}

const ours = contender('ours', { HostRows, segmentWith, exactPass });
const others = values.other === undefined ? [] : [contender('other', await checkoutAt(values.other))];
report(`around the networks, ${values.engine}, ${values.size}`, await paired(ours, others, Number(values.pairs)));
const outputs = ['.png', '.margin.png'];
for (const end of existsSync(join(WORK_FOLDER, 'sums-other.png')) && others.length > 0 ? outputs : []) {
  if (!(await areSame((name) => join(WORK_FOLDER, `sums-${name}${end}`)))) throw new Error(`${end} differs`);
}
if (others.length === 0) console.log(`peak memory: ${(peakMemory() / 1e9).toFixed(3)} GB`);
