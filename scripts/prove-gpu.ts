// Proves inference on a GPU in under 5 minutes, with networks of random weights that are made here: what the providers run
// on; the masks of the provider against the CPU's; an ROI of the paper's size twice, with the networks opened in it, the
// bytes that came back, the share of time in which the GPU was busy, and whether both masks are the same bit by bit.
// Prints its figures last; the exit status is 1 when one of them misses its limit. Changes no setting of the GPU.
// Usage: npx tsx scripts/prove-gpu.ts [--provider auto|cuda|webgpu|cpu] [--width PX] [--height PX] [--small]
//   [--goal SECONDS]
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { z } from 'zod';
import { checkProviders, lineOf } from '../cli/maintain/doctor/check-providers.ts';
import { decodeLabels } from '../toolkit/image/decode-labels.ts';
import { decodeGrey16 } from '../toolkit/image/decode-pixels.ts';
import type { SegmentResult } from '../toolkit/nnunet/sliding-window/roi-job.ts';
import { createRoiSegmenter } from '../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { adapterText, isRealGpu } from '../toolkit/onnx/provider/adapter.ts';
import { PROVIDERS } from '../toolkit/onnx/session/session.ts';
import { PAPER_SIZE, SMALL, writeRandomUnet } from './gpu/random-unet.ts';

const LIMIT_MS = 285_000;
/** Largest share of pixels that may differ from the CPU's mask, and largest confidence of them, of 65,535. */
const [MAX_DIFFERING, NEAR_TIE] = [0.001, 66];

const { values } = parseArgs({
  options: {
    provider: { type: 'string', default: 'auto' },
    width: { type: 'string', default: '3328' },
    height: { type: 'string', default: '2560' },
    small: { type: 'boolean', default: false },
    goal: { type: 'string', default: '5' },
  },
});
const provider = z.enum(['auto', ...PROVIDERS]).parse(values.provider);
const size = { width: Number(values.width), height: Number(values.height) };
const goal = Number(values.goal);
const signal = AbortSignal.timeout(LIMIT_MS);
const folder = await mkdtemp(join(tmpdir(), 'reignite-gpu-'));
const figures: { readonly what: string; readonly value: string; readonly isMet: boolean }[] = [];
const note = (what: string, value: string, isMet = true) => figures.push({ what, value, isMet });

try {
  for (const finding of await checkProviders()) console.log(lineOf(finding));
  await compareWithCpu();
  await segmentTwice();
} catch (error) {
  note('completed', error instanceof Error ? error.message : String(error), false);
} finally {
  await rm(folder, { recursive: true, force: true });
}
for (const { what, value, isMet } of figures) console.log(`${isMet ? 'ok   ' : 'SHORT'} ${what.padEnd(34)} ${value}`);
process.exitCode = figures.every(({ isMet }) => isMet) ? 0 : 1;

/** The same small image on both. */
async function compareWithCpu(): Promise<void> {
  const modelDir = await writeRandomUnet(join(folder, 'small'), SMALL);
  const image = await writeImage('small.png', 300, 200);
  const [ours, cpu] = [
    await segmentOnce(modelDir, image, 'small'),
    await segmentOnce(modelDir, image, 'small-cpu', 'cpu'),
  ];
  note('provider', `${ours.provider}${ours.provider === 'cpu' ? '' : ` on ${adapterText(ours)}`}`);
  for (const reason of ours.fallbacks) note('not preferred', reason);
  const [mask, expected] = [
    await decodeLabels(pathOf('small', 'mask')),
    await decodeLabels(pathOf('small-cpu', 'mask')),
  ];
  const margins = (await decodeGrey16(pathOf('small-cpu', 'margin'))).data;
  const differing = [...mask.data.keys()].filter((at) => mask.data[at] !== expected.data[at]);
  const most = Math.max(0, ...differing.map((at) => margins[at] ?? 0));
  const isMet = differing.length <= MAX_DIFFERING * mask.data.length && most <= NEAR_TIE;
  note(
    'pixels that differ from the CPU',
    `${differing.length} of ${mask.data.length}, confidence up to ${most}`,
    isMet,
  );
  note('seconds of the small image', `${ours.seconds.toFixed(2)}, on the CPU ${cpu.seconds.toFixed(2)}`);
}

async function segmentTwice(): Promise<void> {
  const started = performance.now();
  const modelDir = await writeRandomUnet(join(folder, 'model'), values.small ? SMALL : PAPER_SIZE);
  const image = await writeImage('roi.png', size.width, size.height);
  note('seconds to make model and image', ((performance.now() - started) / 1000).toFixed(1));
  const segmenter = createRoiSegmenter({ provider });
  const busy = watchGpu();
  try {
    const first = await segmenter.segment(jobOf(modelDir, image, 'first'), { signal });
    busy.begin();
    const second = await segmenter.segment(jobOf(modelDir, image, 'second'), { signal });
    const share = busy.end();
    const isGpu = first.provider !== 'cpu' && isRealGpu(first);
    const passes = first.tiles * (values.small ? SMALL : PAPER_SIZE).folds;
    const opened = (second.counts?.opened ?? 0) - (first.counts?.opened ?? 0);
    const megabytes = ((second.counts?.outputBytes ?? 0) - (first.counts?.outputBytes ?? 0)) / 1e6;
    note('passes of an ROI', `${passes} for ${first.width} x ${first.height} px`);
    note('seconds of the first ROI', first.seconds.toFixed(2));
    note('seconds of the second ROI', `${second.seconds.toFixed(2)} (goal ${goal})`, !isGpu || second.seconds <= goal);
    note('networks opened in the first', String(first.counts?.opened ?? 'not counted'));
    note('networks opened in the second', String(opened), !isGpu || opened === 0);
    note('MB that came back in the second', megabytes.toFixed(0));
    note('GPU busy in the second', share === undefined ? 'not measured' : `${share.toFixed(0)} %`);
    note('both masks the same bit by bit', (await isSame('mask')) && (await isSame('margin')) ? 'yes' : 'no');
  } finally {
    busy.stop();
    await segmenter.close();
  }
}

async function isSame(kind: 'mask' | 'margin'): Promise<boolean> {
  const [first, second] = [await readFile(pathOf('first', kind)), await readFile(pathOf('second', kind))];
  return first.equals(second);
}

async function segmentOnce(
  modelDir: string,
  image: string,
  name: string,
  on: typeof provider = provider,
): Promise<SegmentResult> {
  const segmenter = createRoiSegmenter({ provider: on });
  try {
    return await segmenter.segment(jobOf(modelDir, image, name), { signal });
  } finally {
    await segmenter.close();
  }
}

function jobOf(modelDir: string, image: string, name: string) {
  const partialDir = join(folder, `${name}.partial`);
  return {
    modelDir,
    image,
    partialDir,
    mask: pathOf(name, 'mask'),
    margin: pathOf(name, 'margin'),
    scope: 'full',
  } as const;
}

function pathOf(name: string, kind: 'mask' | 'margin'): string {
  return join(folder, `${name}.${kind}.png`);
}

async function writeImage(name: string, width: number, height: number): Promise<string> {
  const path = join(folder, name);
  let state = 1;
  const rgb = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
  await sharp(rgb, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 1 })
    .toFile(path);
  return path;
}

/** Samples how busy NVIDIA's GPUs are, where `nvidia-smi` says it. */
function watchGpu() {
  let samples: number[] = [];
  const child = spawn('nvidia-smi', ['--query-gpu=utilization.gpu', '--format=csv,noheader,nounits', '-lms', '200'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  child.on('error', () => undefined);
  child.stdout.on('data', (text: Buffer) => {
    samples.push(...text.toString().split('\n').filter(Boolean).map(Number).filter(Number.isFinite));
  });
  return {
    begin: () => {
      samples = [];
    },
    end: () => (samples.length === 0 ? undefined : samples.reduce((sum, share) => sum + share, 0) / samples.length),
    stop: () => child.kill(),
  };
}
