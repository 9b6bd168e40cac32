// Proves inference on a GPU in under 5 minutes, with random networks made here: the device of each provider; the
// provider's masks against the CPU's; an ROI of the paper's size twice, including opening the networks, with the bytes
// returned, the GPU's share of busy time, and whether both masks are bit-identical. Prints its figures last; the exit
// status is 1 if one of them misses its limit. Changes no setting of the GPU.
// Usage: npx tsx scripts/prove-gpu.ts [--provider auto|cuda|webgpu|cpu] [--width PX] [--height PX] [--small]
//   [--goal SECONDS] [--engine fast] [--precision auto|float32|float16] [--batch TILES] [--fast-goal SECONDS]
// With --engine fast, the same is measured with the fast engine afterwards, and both are compared.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { z } from 'zod';
import { checkProviders, lineOf } from '../cli/maintain/providers.ts';
import { decodeLabels } from '../toolkit/image/decode-labels.ts';
import { decodeGrey16 } from '../toolkit/image/decode-pixels.ts';
import {
  createRoiSegmenter,
  type EnsembleOptions,
  type SegmentResult,
} from '../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import {
  adapterText,
  ENGINES,
  type EngineName,
  isRealGpu,
  PRECISIONS,
  PROVIDERS,
} from '../toolkit/onnx/session/engine-choice.ts';
import { PAPER_SIZE, SMALL, writeRandomUnet } from './gpu/random-unet.ts';

const LIMIT_MS = 285_000;
/** Maximum share of pixels that may differ from the CPU's mask, and their maximum confidence (of 65,535). */
const [MAX_DIFFERING, NEAR_TIE] = [0.001, 66];
/** The same confidence for networks that multiply in half precision. */
const NEAR_TIE_OF_HALF = 3000;

const { values } = parseArgs({
  options: {
    provider: { type: 'string', default: 'auto' },
    width: { type: 'string', default: '3328' },
    height: { type: 'string', default: '2560' },
    small: { type: 'boolean', default: false },
    goal: { type: 'string', default: '5' },
    engine: { type: 'string', default: 'exact' },
    precision: { type: 'string', default: 'auto' },
    batch: { type: 'string', default: '0' },
    'fast-goal': { type: 'string', default: '2' },
  },
});
const provider = z.enum(['auto', ...PROVIDERS]).parse(values.provider);
const size = { width: Number(values.width), height: Number(values.height) };
const isFastToo = z.enum(ENGINES).parse(values.engine) === 'fast';
const fast = {
  engine: 'fast',
  precision: z.enum(['auto', ...PRECISIONS]).parse(values.precision),
  batchSize: Number(values.batch),
  sums: 'device',
} as const;
const signal = AbortSignal.timeout(LIMIT_MS);
const folder = await mkdtemp(join(tmpdir(), 'reignite-gpu-'));
const figures: { readonly what: string; readonly value: string; readonly isMet: boolean }[] = [];
const note = (what: string, value: string, isMet = true) => figures.push({ what, value, isMet });

try {
  for (const finding of await checkProviders()) console.log(lineOf(finding));
  await compareWithCpu('small', {});
  if (isFastToo) await compareWithCpu('fast-small', fast);
  const [model, image] = await writePaperRoi();
  await segmentTwice('exact', model, image, Number(values.goal), {});
  if (isFastToo) {
    await segmentTwice('fast', model, image, Number(values['fast-goal']), fast);
    await compareEngines();
  }
} catch (error) {
  note('completed', error instanceof Error ? error.message : String(error), false);
} finally {
  await rm(folder, { recursive: true, force: true });
}
for (const { what, value, isMet } of figures) console.log(`${isMet ? 'ok   ' : 'SHORT'} ${what.padEnd(34)} ${value}`);
process.exitCode = figures.every(({ isMet }) => isMet) ? 0 : 1;

/** Compares the masks of one small image. */
async function compareWithCpu(name: string, how: EnsembleOptions): Promise<void> {
  const modelDir = await writeRandomUnet(join(folder, 'small'), SMALL);
  const image = await writeImage('small.png', 300, 200);
  const [ours, cpu] = [
    await segmentOnce(modelDir, image, name, { provider, ...how }),
    await segmentOnce(modelDir, image, 'small-cpu', { provider: 'cpu' }),
  ];
  const of = how.engine === undefined ? '' : `${how.engine}: `;
  note(`${of}provider`, `${ours.provider}${ours.provider === 'cpu' ? '' : ` on ${adapterText(ours)}`}`);
  for (const reason of ours.fallbacks) note(`${of}not preferred`, reason);
  const { differing, pixels, most } = await difference(name, 'small-cpu');
  const nearTie = ours.precision === 'float16' ? NEAR_TIE_OF_HALF : NEAR_TIE;
  const isMet = differing <= (ours.precision === 'float16' ? 10 : 1) * MAX_DIFFERING * pixels && most <= nearTie;
  note(`${of}pixels that differ from the CPU`, `${differing} of ${pixels}, confidence up to ${most}`, isMet);
  note(
    `${of}seconds of the small image`,
    `${ours.seconds.toFixed(2)}, with the exact engine on the CPU ${cpu.seconds.toFixed(2)}`,
  );
}

async function difference(name: string, other: string) {
  const [mask, expected] = [await decodeLabels(pathOf(name, 'mask')), await decodeLabels(pathOf(other, 'mask'))];
  const confidences = (await decodeGrey16(pathOf(other, 'confidence'))).data;
  let [differing, most] = [0, 0];
  for (let at = 0; at < mask.data.length; at++) {
    if (mask.data[at] === expected.data[at]) continue;
    differing++;
    most = Math.max(most, confidences[at] ?? 0);
  }
  return { differing, most, pixels: mask.data.length };
}

async function compareEngines(): Promise<void> {
  const { differing, pixels, most } = await difference('fast-second', 'exact-second');
  note(
    'pixels that differ between both',
    `${differing} of ${pixels} (${((100 * differing) / pixels).toFixed(4)} %), confidence up to ${most} of 65535`,
  );
}

async function writePaperRoi(): Promise<readonly [string, string]> {
  const started = performance.now();
  const modelDir = await writeRandomUnet(join(folder, 'model'), values.small ? SMALL : PAPER_SIZE);
  const image = await writeImage('roi.png', size.width, size.height);
  note('seconds to make model and image', ((performance.now() - started) / 1000).toFixed(1));
  return [modelDir, image];
}

async function segmentTwice(
  name: EngineName,
  modelDir: string,
  image: string,
  goal: number,
  how: EnsembleOptions,
): Promise<void> {
  const segmenter = createRoiSegmenter({ provider, ...how });
  const busy = watchGpu();
  const of = name === 'exact' ? '' : `${name}: `;
  const say = (what: string, value: string, isMet = true) => note(`${of}${what}`, value, isMet);
  try {
    const first = await segmenter.segment(jobOf(modelDir, image, `${name}-first`), { signal });
    busy.begin();
    const second = await segmenter.segment(jobOf(modelDir, image, `${name}-second`), { signal });
    const share = busy.end();
    const isGpu = first.provider !== 'cpu' && isRealGpu(first);
    const passes = first.tiles * (values.small ? SMALL : PAPER_SIZE).folds;
    const opened = (second.counts?.opened ?? 0) - (first.counts?.opened ?? 0);
    const megabytes = ((second.counts?.outputBytes ?? 0) - (first.counts?.outputBytes ?? 0)) / 1e6;
    say('passes of an ROI', `${passes} for ${first.width} x ${first.height} px`);
    say('seconds of the first ROI', first.seconds.toFixed(2));
    say('seconds of the second ROI', `${second.seconds.toFixed(2)} (goal ${goal})`, !isGpu || second.seconds <= goal);
    say('networks opened in the first', String(first.counts?.opened ?? 'not counted'));
    say('networks opened in the second', String(opened), !isGpu || opened === 0);
    say('MB that came back in the second', megabytes.toFixed(0));
    say('GPU busy in the second', share === undefined ? 'not measured' : `${share.toFixed(0)} %`);
    say(
      'both masks the same bit by bit',
      (await isSame(name, 'mask')) && (await isSame(name, 'confidence')) ? 'yes' : 'no',
    );
    say('precision', first.precision ?? 'float32');
    say('tiles at once', String(first.counts?.batch ?? 1));
  } finally {
    busy.stop();
    await segmenter.close();
  }
}

async function isSame(name: string, kind: 'mask' | 'confidence'): Promise<boolean> {
  const [first, second] = [
    await readFile(pathOf(`${name}-first`, kind)),
    await readFile(pathOf(`${name}-second`, kind)),
  ];
  return first.equals(second);
}

async function segmentOnce(
  modelDir: string,
  image: string,
  name: string,
  how: EnsembleOptions,
): Promise<SegmentResult> {
  const segmenter = createRoiSegmenter(how);
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
    confidence: pathOf(name, 'confidence'),
    scope: 'full',
  } as const;
}

function pathOf(name: string, kind: 'mask' | 'confidence'): string {
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

/** Samples the load of NVIDIA's GPUs, if `nvidia-smi` reports it. */
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
