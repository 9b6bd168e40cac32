// One file of 1 GB on loopback: reignite, with MD5 and SHA-256, against aria2 (two connections, --checksum=md5) and
// curl (no checksum). Needs aria2c, curl and python3. Usage: npx tsx bench/download.ts [--bytes N] [--rounds N]
// [--folder DIR]
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type Cost, costOf, jsonOf, serveFile } from './download-peers.ts';
import { type Contender, paired, report } from './paired.ts';

const { values } = parseArgs({
  options: {
    bytes: { type: 'string', default: String(2 ** 30) },
    rounds: { type: 'string', default: '5' },
    folder: { type: 'string', default: tmpdir() },
  },
});
const size = Number(values.bytes);
const folder = await mkdtemp(join(values.folder, 'reignite-bench-'));
const source = join(folder, 'source.bin');
const target = join(folder, 'target');

async function writeSource(): Promise<string> {
  const md5 = createHash('md5');
  const handle = await open(source, 'wx');
  for (let left = size; left > 0; ) {
    const chunk = randomBytes(Math.min(left, 1 << 24));
    md5.update(chunk);
    await handle.write(chunk);
    left -= chunk.length;
  }
  await handle.close();
  return md5.digest('hex');
}

const costs = new Map<string, Cost[]>();
const Ours = z.object({ ms: z.number(), cpuMs: z.number(), before: z.number(), most: z.number() });
let memory = { most: 0, before: 0 };

function contender(name: string, run: () => Promise<Cost>): Contender {
  return {
    name,
    async run() {
      await rm(target, { recursive: true, force: true });
      await mkdir(target);
      const cost = await run();
      costs.set(name, [...(costs.get(name) ?? []), cost]);
      return cost.ms;
    },
  };
}

try {
  const md5 = await writeSource();
  const { url, close } = await serveFile(source);
  const file = join(target, 'file.bin');
  const ours = contender('ours, MD5 and SHA-256', async () => {
    const cost = Ours.parse(await jsonOf('./download-ours.ts', [url, file, String(size), md5]));
    if (cost.most > memory.most) memory = cost;
    return cost;
  });
  const aria = ['-q', '-x2', '-s2', '--file-allocation=none', `--checksum=md5=${md5}`, '-d', target, url];
  const peers = [
    contender('aria2, MD5', () => costOf('aria2c', aria)),
    contender('curl, no sum', () => costOf('curl', ['-s', '-o', file, url])),
  ];
  const result = await paired(ours, peers, Number(values.rounds));
  report(`One file of ${(size / 1e9).toFixed(2)} GB on loopback`, result);
  for (const [name, all] of costs) {
    const sorted = all.map(({ cpuMs }) => cpuMs).sort((a, b) => a - b);
    console.log(
      `  ${name.padEnd(24)}${(sorted[sorted.length >> 1] ?? 0).toFixed(0).padStart(10)} ms of processor time`,
    );
  }
  const { most, before } = memory;
  console.log(
    `  our memory at most ${(most / 1e6).toFixed(0)} MB, ${(before / 1e6).toFixed(0)} MB before the download`,
  );
  close();
} finally {
  await rm(folder, { recursive: true, force: true });
}
