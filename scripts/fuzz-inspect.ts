// Damages files thousands of times, inspects each and describes it as a detector: a result or a typed error, never anything
// else, within a second.
// Usage: npx tsx scripts/fuzz-inspect.ts [--count 10000] [--seed 1] FILE...
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeInspected, inspectModel } from '../cli/predict/inspect-model.ts';
import { randomNumbers } from '../tests/support/random-numbers.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { describeDetector } from '../toolkit/models/describe-detector.ts';

const SLOW_MS = 2_000;
const EDGES = [0x00, 0x01, 0x7f, 0x80, 0xff];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
});
if (positionals.length === 0) throw new Error('Name files to damage.');
const { below, oneOf } = randomNumbers(Number(values.seed));
const originals = positionals.map((path) => ({ path, bytes: readFileSync(path) }));
const folder = await mkdtemp(join(tmpdir(), 'reignite-fuzz-'));
const outcomes = new Map<string, number>();
let slowest = 0;
try {
  for (let round = 0; round < Number(values.count); round++) {
    const { path, bytes } = oneOf(originals);
    const mutant = join(folder, `mutant${extname(path)}`);
    await writeFile(mutant, damaged(bytes));
    const start = performance.now();
    const outcome = await outcomeOf(mutant);
    const took = performance.now() - start;
    slowest = Math.max(slowest, took);
    if (took > SLOW_MS) console.log(`slow: round ${round} of ${path} took ${took.toFixed(0)} ms`);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
for (const [outcome, count] of [...outcomes].sort(([, a], [, b]) => b - a)) console.log(`${count}  ${outcome}`);
console.log(`slowest ${slowest.toFixed(0)} ms, peak memory ${(process.resourceUsage().maxRSS / 1000).toFixed(0)} MB`);

/** Anything but a result or a ReigniteError ends the script. */
async function outcomeOf(path: string): Promise<string> {
  try {
    const found = await inspectModel(path);
    describeInspected(found);
    JSON.stringify(found);
    return `${found.fault?.code ?? found.format}, ${await describedAs(path)}`;
  } catch (error) {
    if (error instanceof ReigniteError && error.code !== 'INTERNAL') return `error ${error.code}`;
    throw error;
  }
}

/** What `predict` would say of it as a detector. */
async function describedAs(path: string): Promise<string> {
  try {
    return (await describeDetector(path)).family;
  } catch (error) {
    if (error instanceof ReigniteError && error.code !== 'INTERNAL') return error.code;
    throw error;
  }
}

/** Some bytes changed, cut out, doubled or put in; most damage near the ends, where headers and pickles lie. */
function damaged(original: Buffer): Buffer {
  let bytes = Buffer.from(original);
  for (let round = 1 + below(4); round > 0; round--) {
    const at = near(bytes.length);
    const length = 1 + below(16);
    const kind = below(5);
    if (kind === 0) bytes[at] = below(256);
    else if (kind === 1) bytes.fill(oneOf(EDGES), at, Math.min(bytes.length, at + length));
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    else bytes = bytes.subarray(0, Math.max(1, at));
  }
  return bytes;
}

function near(length: number): number {
  const place = below(3);
  if (place === 0) return below(Math.min(length, 4_096));
  if (place === 1) return Math.max(0, length - 1 - below(Math.min(length, 4_096)));
  return below(length);
}
