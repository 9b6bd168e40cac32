// Runs the tiny record under seeded schedules of SIGKILL (of a worker, the server, the command, everything at once),
// SIGTERM, pauses and cancellations, and compares every outcome with an undisturbed run: inference/, confidence/,
// candidates/, metrics/ and figures/ bit for bit; no ROI inferred again once it was cached; no process left behind.
// Usage: npx tsx scripts/chaos.ts [FIRST [LAST]] [--folder DIR] (seeds; default 1 to 50). Linux. With --folder, the
// undisturbed run is made only once, and the next call continues with other seeds.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { chaosSchedule, commits, inferredTwice, injectFaults, leftBehind } from '../tests/support/chaos.ts';
import { runCommand } from '../tests/support/command.ts';
import { digestsBelow } from '../tests/support/files-below.ts';
import { tinyProfile, writeTinyRecord } from '../tests/support/tiny-record.ts';

const PROMISED = ['inference', 'confidence', 'candidates', 'metrics', 'figures'];

const { values, positionals } = parseArgs({ options: { folder: { type: 'string' } }, allowPositionals: true });
const [first = 1, last = 50] = positionals.map(Number);
const cwd = values.folder ?? (await mkdtemp(join(tmpdir(), 'reignite-chaos-')));
const wordsFor = (name: string) => [
  'run',
  ...['--profile', 'tiny.yaml', '--data', `data-${name}`, '--results', `results-${name}`],
];
if (!existsSync(join(cwd, 'results-calm', 'manifest.sha256'))) await runUndisturbed();
const expected = await digestsBelow(join(cwd, 'results-calm'), PROMISED);

let failures = 0;
for (let seed = first; seed <= last; seed++) {
  const schedule = chaosSchedule(seed);
  const place = { home: join(cwd, `home-${seed}`), cwd, words: wordsFor(String(seed)) };
  const lines: string[] = [];
  const began = Date.now();
  const problems: string[] = [];
  try {
    const ended = await injectFaults({ ...place, tell: (line) => lines.push(line) }, schedule);
    await sleep(200);
    if (ended.status !== 0) problems.push(`exit status ${ended.status}: ${ended.stderr}`);
    const actual = await digestsBelow(join(cwd, `results-${seed}`), PROMISED);
    if (!isDeepStrictEqual(actual, expected)) problems.push('the results differ');
    const twice = await inferredTwice(place.home);
    if (twice.length > 0) problems.push(`inferred twice: ${twice.join(', ')}`);
    if ((await commits(place.home)) === 0) problems.push('the logs mention no ROI');
    const left = leftBehind(place.home);
    if (left.length > 0) problems.push(`left behind: ${left.join('; ')}`);
    console.log(
      `${seed} ${problems.length === 0 ? 'ok' : 'FAILED'} ${ended.landed}/${schedule.length} faults, ${Math.round((Date.now() - began) / 1_000)} s: ${schedule.map(({ fault, waits, afterMs }) => `${fault} ${waits ? '' : 'start '}+${afterMs}`).join(', ')}`,
    );
  } catch (error) {
    problems.push(String(error));
    console.log(`${seed} FAILED`);
  }
  if (problems.length > 0) {
    failures += 1;
    console.log([...problems, ...lines].map((line) => `    ${line}`).join('\n'));
    console.log(`    kept: ${cwd}`);
  } else {
    for (const folder of [place.home, join(cwd, `data-${seed}`), join(cwd, `results-${seed}`)])
      await rm(folder, { recursive: true, force: true });
  }
}
console.log(`${last - first + 1 - failures} of ${last - first + 1} schedules ended as the undisturbed run`);
if (failures === 0 && values.folder === undefined) await rm(cwd, { recursive: true, force: true });
else process.exitCode = 1;

async function runUndisturbed(): Promise<void> {
  await writeTinyRecord(cwd, [
    { name: 'patient1_he_roi1', width: 500, height: 380 },
    { name: 'patient2_he_roi1', width: 64, height: 49 },
  ]);
  await writeFile(join(cwd, 'tiny.yaml'), tinyProfile(join(cwd, 'served')));
  const ended = await runCommand(wordsFor('calm'), { home: join(cwd, 'home-calm'), cwd });
  if (ended.status !== 0) throw new Error(`The undisturbed run failed: ${ended.stderr}`);
}
