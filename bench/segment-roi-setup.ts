import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { convertModel } from '../toolkit/nnunet/convert/convert-model.ts';
import { findModelFolder } from '../toolkit/nnunet/convert/find-model-folder.ts';
import { prepackedModel } from '../toolkit/onnx/session/laid-out-model.ts';

/** Files of the benchmarks are kept here between runs: the model alone takes a minute to write. */
export const WORK_FOLDER = join(tmpdir(), 'reignite-bench');

export interface Model {
  /** nnU-Net folder, which the peer loads. */
  readonly source: string;
  /** Its conversion, which we load. */
  readonly converted: string;
}

/**
 * Returns the model to measure with: the given nnU-Net folder, else one of the paper's size with random weights.
 *
 * @param python - Python interpreter with torch and nnunet, to write the random model.
 */
export async function prepareModel(python: string, given: string | undefined): Promise<Model> {
  const folder = given ?? (await randomModel(python));
  const source = await findModelFolder(folder);
  const converted = join(WORK_FOLDER, given === undefined ? 'onnx' : 'onnx-given');
  const { digest, folds } = await convertModel({ folder: source, out: converted });
  for (const { file } of folds) await prepackedModel(join(converted, file));
  console.error(`model ${digest.slice(0, 12)} in ${converted}`);
  return { source, converted };
}

async function randomModel(python: string): Promise<string> {
  const folder = join(WORK_FOLDER, 'full-size');
  const models = join(folder, 'models', 'he');
  if (!existsSync(join(models, '.complete'))) {
    mkdirSync(folder, { recursive: true });
    execFileSync(python, [fileURLToPath(new URL('./make-full-size-model.py', import.meta.url)), folder], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    writeFileSync(join(models, '.complete'), '');
  }
  return models;
}

/** Returns the path of an RGB image of that size: smooth blots in the colours of the stains, always the same. */
export async function prepareImage(width: number, height: number): Promise<string> {
  const path = join(WORK_FOLDER, `image-${width}x${height}.png`);
  if (existsSync(path)) return path;
  mkdirSync(WORK_FOLDER, { recursive: true });
  const cell = 24;
  const small = { width: Math.ceil(width / cell), height: Math.ceil(height / cell), channels: 3 } as const;
  const colours = new Uint8Array(small.width * small.height * 3);
  let state = 1;
  for (let at = 0; at < colours.length; at += 3) {
    // A linear congruential generator is random enough for blots and the same everywhere.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const share = state / 2 ** 32;
    colours.set([100 + 140 * share, 60 + 150 * share, 140 + 80 * share].map(Math.round), at);
  }
  const blots = sharp(colours, { raw: small }).resize(width, height, { fit: 'fill', kernel: 'cubic' });
  await blots.png().toFile(path);
  return path;
}

/** Returns the path of a label mask of that size, unannotated except for one pixel in every 1,500 rows. */
export async function prepareSparseTruth(width: number, height: number): Promise<string> {
  const path = join(WORK_FOLDER, `sparse-truth-${width}x${height}.png`);
  const labels = new Uint8Array(width * height);
  for (let y = 750; y < height; y += 1500) labels[y * width + (width >> 1)] = 1;
  await sharp(labels, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toFile(path);
  return path;
}

/** Returns the peak resident memory of this process in bytes, without its child processes, which rusage may include. */
export function peakMemory(): number {
  if (!existsSync('/proc/self/status')) return process.resourceUsage().maxRSS * 1024;
  const kibibytes = /^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}

/** Parses a size such as `1024x768`. */
export function parseSize(text: string): readonly [width: number, height: number] {
  const match = /^(\d+)x(\d+)$/.exec(text);
  if (match === null) throw new RangeError(`Expected a size such as 1024x768, got ${text}`);
  return [Number(match[1]), Number(match[2])];
}
