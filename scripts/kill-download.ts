// Kills `reignite download` and its worker with SIGKILL at 10, 50 and 99 % of a file, runs the same command again, and
// prints the byte at which it resumed. Usage: npx tsx scripts/kill-download.ts [--bytes 20000000]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killAndResume } from '../tests/support/faults/kill-download.ts';

const { values } = parseArgs({ options: { bytes: { type: 'string', default: '20000000' } } });
const folder = await mkdtemp(join(tmpdir(), 'reignite-kill-'));
let isGood = true;
try {
  for (const share of [0.1, 0.5, 0.99]) {
    const found = await killAndResume(join(folder, String(share)), share, Number(values.bytes));
    const { onDisk, size, ranges, sent, isSame, second } = found;
    const isOne = isSame && second.status === 0 && ranges.at(-1) === `bytes=${onDisk}-` && ranges.length === 2;
    isGood &&= isOne;
    console.log(
      `killed at ${(share * 100).toFixed(0)} %: ${onDisk} of ${size} bytes on disk; requests: ${ranges.map((range) => range ?? 'all').join(', ')}; ` +
        `${(sent / size).toFixed(4)} times its size was sent; ${isOne ? 'the same file' : `NOT AS IT SHOULD BE (status ${second.status}) ${second.stderr}`}`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(isGood ? 0 : 1);
