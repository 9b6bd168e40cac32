// Damages files thousands of times. Inspects each one, describes it as a detector and as an ONNX model, and converts
// it: the outcome must be a result or a typed error within a few seconds. A file's neighbours (plans.json,
// dataset.json, the description of an ONNX model) are copied with it, undamaged unless they are the target.
// Usage: npx tsx scripts/fuzz-inspect.ts [--count 10000] [--seed 1] FILE...
import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeInspected, inspectModel } from '../cli/predict/inspect-model.ts';
import { convertInto } from '../cli/predict/model.ts';
import { damagedBytes, randomNumbers } from '../tests/support/random-numbers.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { describeDetector } from '../toolkit/models/cell-model.ts';
import { describeOnnxModel } from '../toolkit/models/describe-onnx.ts';

const SLOW_MS = 2_000;

/** Extensions of files that describe a model in the same folder. */
const DESCRIPTIONS = new Set(['.json', '.yaml']);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
});
if (positionals.length === 0) throw new Error('Name files to damage.');
const random = randomNumbers(Number(values.seed));
const originals = positionals.map((path) => ({ path, bytes: readFileSync(path) }));
const folder = await mkdtemp(join(tmpdir(), 'reignite-fuzz-'));
const outcomes = new Map<string, number>();
let slowest = 0;
try {
  for (let round = 0; round < Number(values.count); round++) {
    const { path, bytes } = random.oneOf(originals);
    const inside = await mkdtemp(join(folder, 'mutant-'));
    const mutant = await mutantIn(inside, path, damagedBytes(bytes, random));
    const start = performance.now();
    const outcome = `${extname(path)} ${await outcomeOf(mutant, inside)}`;
    const took = performance.now() - start;
    slowest = Math.max(slowest, took);
    await rm(inside, { recursive: true, force: true });
    if (took > SLOW_MS) console.log(`slow: round ${round} of ${path} took ${took.toFixed(0)} ms`);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
for (const [outcome, count] of [...outcomes].sort(([, a], [, b]) => b - a)) console.log(`${count}  ${outcome}`);
console.log(`slowest ${slowest.toFixed(0)} ms, peak memory ${(process.resourceUsage().maxRSS / 1000).toFixed(0)} MB`);

/**
 * Writes a damaged file with its neighbours.
 *
 * @returns The model: the damaged file itself, or the model that it describes.
 */
async function mutantIn(inside: string, path: string, bytes: Uint8Array): Promise<string> {
  const isFold = /^fold_/.test(basename(dirname(path)));
  const around = isFold ? dirname(dirname(path)) : dirname(path);
  for (const name of await readdir(around)) {
    const isSmall =
      DESCRIPTIONS.has(extname(name)) || (DESCRIPTIONS.has(extname(path)) && /\.(onnx|safetensors)$/.test(name));
    if (isSmall) await copyFile(join(around, name), join(inside, name));
  }
  const mutant = join(inside, basename(path));
  await writeFile(mutant, bytes);
  if (!DESCRIPTIONS.has(extname(path))) return mutant;
  const stem = basename(path, extname(path));
  const models = (await readdir(inside)).filter((name) => /\.(onnx|safetensors)$/.test(name));
  return join(inside, models.find((name) => basename(name, extname(name)) === stem) ?? models[0] ?? basename(path));
}

/** Returns the outcome; anything but a result or a ReigniteError ends the script. */
async function outcomeOf(path: string, inside: string): Promise<string> {
  const steps = [
    async () => {
      const found = await inspectModel(path);
      describeInspected(found);
      JSON.stringify(found);
      return found.fault?.code ?? found.format;
    },
    ...(/\.onnx$/.test(path)
      ? [async () => (await describeOnnxModel(path)).by]
      : [async () => convertInto(path, join(inside, 'converted'), 64).then(() => 'converted')]),
    async () => (await describeDetector(path)).family,
  ];
  const outcomes: string[] = [];
  for (const step of steps) outcomes.push(await codeOf(step));
  return outcomes.join(', ');
}

async function codeOf(step: () => Promise<string>): Promise<string> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof ReigniteError && error.code !== 'INTERNAL') return error.code;
    throw error;
  }
}
