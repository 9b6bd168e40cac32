/**
 * One H&E ROI end to end, ours against nnU-Net v1 under PyTorch: the same five folds, the same image, on this CPU.
 *
 *     tsx bench/segment-roi.ts --python PYTHON [--model NNUNET_FOLDER] [--size 1024x768 | --full] [--pairs 3]
 *       [--threads N] [--fast]
 *
 * With `--fast`, our fast engine is measured in every turn, too. All take turns, each run in a new process; the ratio is computed within a pair. Measured from image file to mask
 * file, without the peer's loading of its folds, but with ours.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { decodeLabels } from '../toolkit/image/decode-labels.ts';
import { parseSize, prepareImage, prepareModel, WORK_FOLDER } from './segment-roi-setup.ts';

const FULL_SIZE = '3328x2560';

const Measurement = z.object({ loadSeconds: z.number(), seconds: z.number(), peakRssBytes: z.number() });
type Measurement = z.infer<typeof Measurement>;

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    model: { type: 'string' },
    size: { type: 'string', default: '1024x768' },
    full: { type: 'boolean', default: false },
    pairs: { type: 'string', default: '3' },
    threads: { type: 'string' },
    fast: { type: 'boolean', default: false },
  },
});

const [width, height] = parseSize(values.full ? FULL_SIZE : values.size);
const model = await prepareModel(values.python, values.model);
const image = await prepareImage(width, height);
const masks = {
  exact: join(WORK_FOLDER, 'ours.png'),
  fast: join(WORK_FOLDER, 'ours-fast.png'),
  peer: join(WORK_FOLDER, 'peer.png'),
};
const threads = values.threads === undefined ? [] : ['--threads', values.threads];

function local(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

function measure(command: string, args: readonly string[]): Measurement {
  const stdout = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  // nnunet prints a greeting on stdout; the measurement is the last line.
  return Measurement.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
}

function measureOurs(engine: 'exact' | 'fast' = 'exact'): Measurement {
  const args = ['--model', model.converted, '--image', image, '--mask', masks[engine], '--engine', engine, ...threads];
  return measure(process.execPath, ['--import', 'tsx', local('./segment-roi-ours.ts'), ...args]);
}

function measurePeer(): Measurement {
  const args = ['--model', model.source, '--image', image, '--mask', masks.peer, ...threads];
  return measure(values.python, [local('./python/segment_roi_peer.py'), ...args]);
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

async function countDifferences(engine: 'exact' | 'fast' = 'exact'): Promise<string> {
  const [ours, peer] = await Promise.all([decodeLabels(masks[engine]), decodeLabels(masks.peer)]);
  const different = ours.data.reduce((count, label, at) => count + (label === peer.data[at] ? 0 : 1), 0);
  return `${different} of ${ours.data.length} pixels differ`;
}

const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2);
console.log(`${width} x ${height} px, ${availableParallelism()} cores`);
const fastRatios: number[] = [];
const pairs: { readonly ours: Measurement; readonly peer: Measurement }[] = [];
for (let pair = 0; pair < Number(values.pairs); pair++) {
  // The order alternates from pair to pair.
  const first = pair % 2 === 0 ? measureOurs() : undefined;
  const peer = measurePeer();
  const ours = first ?? measureOurs();
  pairs.push({ ours, peer });
  if (values.fast) {
    const fast = measureOurs('fast');
    fastRatios.push(peer.seconds / fast.seconds);
    console.log(
      `fast engine ${fast.seconds.toFixed(1)} s, ${gigabytes(fast.peakRssBytes)} GB; ` +
        `${(ours.seconds / fast.seconds).toFixed(2)} times the exact engine; ${await countDifferences('fast')}`,
    );
  }
  console.log(
    `pair ${pair + 1}: ours ${ours.seconds.toFixed(1)} s, ${gigabytes(ours.peakRssBytes)} GB; ` +
      `peer ${peer.seconds.toFixed(1)} s (and ${peer.loadSeconds.toFixed(1)} s loading), ${gigabytes(peer.peakRssBytes)} GB; ` +
      `ratio ${(peer.seconds / ours.seconds).toFixed(2)}; ${await countDifferences()}`,
  );
}
const ratio = median(pairs.map(({ ours, peer }) => peer.seconds / ours.seconds));
const memory = median(pairs.map(({ ours, peer }) => peer.peakRssBytes / ours.peakRssBytes));
console.log(`median ratio: time ${ratio.toFixed(2)}, peak memory ${memory.toFixed(2)}`);
if (values.fast) console.log(`fast engine: median ratio ${median(fastRatios).toFixed(2)}`);
