// Damages slides thousands of times, opens each and reads from every level: the outcome must be pixels or a typed
// error, within a few seconds and with bounded memory. Half of the damage is to a directory entry.
// Usage: npx tsx scripts/fuzz-slides.ts [--count 2000] [--seed 1] FILE...
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { damagedBytes, randomNumbers } from '../tests/support/random-numbers.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { layoutOf, numberAt } from '../toolkit/image/tiff-directory.ts';
import { Slide } from '../toolkit/slide/read/slide.ts';
import { isSlide, scaleOfTiff } from '../toolkit/slide/read/slide-formats.ts';

const SLOW_MS = 2_000;
const REGION = 300;
const EDGES = [0, 1, 2, 7, 8, 16, 255, 256, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: 'string', default: '2000' }, seed: { type: 'string', default: '1' } },
});
if (positionals.length === 0) throw new Error('Name slides to damage.');
const random = randomNumbers(Number(values.seed));
const originals = positionals.map((path) => ({ name: basename(path), bytes: readFileSync(path) }));
const folder = await mkdtemp(join(tmpdir(), 'reignite-fuzz-'));
const outcomes = new Map<string, number>();
let slowest = 0;
try {
  for (let round = 0; round < Number(values.count); round++) {
    const { name, bytes } = random.oneOf(originals);
    const path = join(folder, name);
    await writeFile(path, random.below(2) === 0 ? damagedBytes(bytes, random) : withDamagedEntry(bytes));
    const start = performance.now();
    const outcome = await outcomeOf(path).catch((error: unknown) => {
      console.log(`round ${round} of ${name}`);
      throw error;
    });
    const took = performance.now() - start;
    slowest = Math.max(slowest, took);
    if (took > SLOW_MS) console.log(`slow: round ${round} of ${name} took ${took.toFixed(0)} ms (${outcome})`);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    await rm(path);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
for (const [outcome, count] of [...outcomes].sort(([, a], [, b]) => b - a)) console.log(`${count}  ${outcome}`);
console.log(`slowest ${slowest.toFixed(0)} ms, peak memory ${(process.resourceUsage().maxRSS / 1000).toFixed(0)} MB`);

/** Returns the outcome; anything but pixels or a ReigniteError ends the script. */
async function outcomeOf(path: string): Promise<string> {
  await isSlide(path);
  await scaleOfTiff(path);
  try {
    const slide = await Slide.open(path);
    try {
      for (const [level, { width, height }] of slide.levels.entries()) {
        for (const [left, top] of [
          [0, 0],
          [width - REGION, height - REGION],
        ] as const)
          await slide.readRegion(level, left, top, REGION, REGION);
      }
      return 'read';
    } finally {
      await slide.close();
    }
  } catch (error) {
    if (error instanceof ReigniteError && error.code !== 'INTERNAL') return error.code;
    throw error;
  }
}

/** Changes type, number or value of some entries of the first directories. */
function withDamagedEntry(original: Buffer): Buffer {
  const bytes = Buffer.from(original);
  const layout = layoutOf(bytes.subarray(0, 16));
  if (layout === undefined) return damagedBytes(original, random);
  const [countBytes, entryBytes, word] = layout.isBig ? [8, 20, 8] : [2, 12, 4];
  let at = numberAt(bytes, layout.isBig ? 8 : 4, word, layout);
  for (let skipped = random.below(4); ; skipped--) {
    const count = numberAt(bytes, at, countBytes, layout);
    const next = numberAt(bytes, at + countBytes + count * entryBytes, word, layout);
    if (skipped > 0 && next > 0) {
      at = next;
      continue;
    }
    for (let round = 1 + random.below(2); round > 0; round--) {
      const entry = at + countBytes + random.below(count) * entryBytes;
      const [place, length] = random.oneOf([
        [entry, 2],
        [entry + 2, 2],
        [entry + 4, word],
        [entry + 4 + word, word],
        [entry + 4 + word, 2],
      ] as const);
      put(bytes, place, length, random.oneOf(EDGES), layout.isLittle);
    }
    return bytes;
  }
}

function put(bytes: Buffer, at: number, length: number, value: number, isLittle: boolean): void {
  const limited = length >= 4 ? value : value % 2 ** (8 * length);
  const low = Math.min(length, 6);
  bytes.fill(0, at, at + length);
  if (isLittle) bytes.writeUIntLE(limited, at, low);
  else bytes.writeUIntBE(limited, at + length - low, low);
}
