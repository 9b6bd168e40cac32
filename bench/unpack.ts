// An archive of images (incompressible bytes, deflated as zip tools do) and of tables (compressible bytes): reignite,
// with CRC-32 and SHA-256 of every member, against Info-ZIP's unzip (CRC-32). Usage: npx tsx bench/unpack.ts [--rounds
// N] [--folder DIR]
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { costOf, jsonOf } from './download-peers.ts';
import { type Contender, paired, report } from './paired.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, folder: { type: 'string', default: tmpdir() } },
});
const folder = await mkdtemp(join(values.folder, 'reignite-bench-'));
const archive = join(folder, 'images.zip');
const target = join(folder, 'target');

/** Half a gigabyte: 600 images of 50 kB to 2 MB, three of 20 MB, and 100 MB of text. */
async function writeArchive(): Promise<void> {
  const images = join(folder, 'images');
  await mkdir(images);
  for (let k = 0; k < 600; k++)
    await writeFile(join(images, `${k}.png`), randomBytes(50_000 + ((k * 7_919) % 40) * 25_000));
  for (let k = 0; k < 3; k++) await writeFile(join(images, `large-${k}.png`), randomBytes(20_000_000));
  const rows = Array.from({ length: 20_000 }, (_, k) => `${k},${(k * k) % 9_973},patient${k % 155}_he_roi${k % 7}\n`);
  for (let k = 0; k < 50; k++) await writeFile(join(images, `${k}.csv`), rows.join('').repeat(4));
  const zipped = spawnSync('zip', ['-q', '-r', archive, 'images'], { cwd: folder });
  if (zipped.status !== 0) throw new Error('zip failed');
  await rm(images, { recursive: true });
}

const Ours = z.object({ ms: z.number(), cpuMs: z.number(), before: z.number(), most: z.number() });

function contender(name: string, run: () => Promise<number>): Contender {
  return {
    name,
    async run() {
      await rm(target, { recursive: true, force: true });
      await mkdir(target);
      return run();
    },
  };
}

try {
  await writeArchive();
  let memory = 0;
  const ours = contender('ours, CRC-32 and SHA-256', async () => {
    const cost = Ours.parse(await jsonOf('./unpack-ours.ts', [archive, target]));
    memory = Math.max(memory, cost.most - cost.before);
    return cost.ms;
  });
  const unzip = contender('unzip', async () => (await costOf('unzip', ['-q', archive, '-d', target])).ms);
  report('An archive of images and tables', await paired(ours, [unzip], Number(values.rounds)));
  console.log(`  our memory beyond its start, at most ${(memory / 1e6).toFixed(0)} MB`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
