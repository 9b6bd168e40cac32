// Rehearses the paper's record at full size: makes a record with as many ROIs and boxes, but cheap images and networks
// of a single convolution, serves it like Zenodo, and runs the real commands on it: plan, run, run again from the
// cache, report. Prints time, memory per kind of process, sizes, and how long the report takes to open. Linux; opening
// the report needs Chromium. Its files, some GB, are removed at the end unless --keep is given.
// Usage: npx tsx scripts/rehearse-record.ts [--share 1] [--he-tested 0.2] [--keep FOLDER]
//   --share: share of the ROIs and boxes; --he-tested: share of the H&E ROIs in the test set.
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BROWSER, BrowserPage } from '../tests/support/browser.ts';
import { startCommand } from '../tests/support/command.ts';
import { zipRecord } from '../tests/support/tiny-record.ts';
import { bytesText } from '../toolkit/format.ts';
import { readStepTimes } from '../toolkit/report/trace.ts';
import { cellDefinition } from '../toolkit/tasks/registry.ts';
import { serveRecord } from '../toolkit/zenodo/serve-record.ts';
import { writeCellNetwork, writeTissueNetwork } from './rehearsal/tiny-networks.ts';
import { MemoryWatch } from './rehearsal/watch-memory.ts';
import { PAPER, type RecordSize, writeRecord } from './rehearsal/write-record.ts';

const RECORD = '8870';

const { values } = parseArgs({
  options: {
    share: { type: 'string', default: '1' },
    'he-tested': { type: 'string', default: '0.2' },
    keep: { type: 'string' },
  },
});
const folder = values.keep ?? (await mkdtemp(join(tmpdir(), 'reignite-rehearsal-')));
try {
  await rehearse();
} finally {
  if (values.keep === undefined) await rm(folder, { recursive: true, force: true });
}

async function rehearse(): Promise<void> {
  const [unpacked, served] = [join(folder, 'unpacked'), join(folder, 'served')];
  await timed('record made', async () => {
    await writeRecord(unpacked, sizeOf(Number(values.share)));
    await writeNetworks();
    await zipRecord(unpacked, served, { compress: true });
    await rm(unpacked, { recursive: true });
  });
  say('record', bytesText(await bytesBelow(served)));
  const server = await serveRecord({ folder: served, record: RECORD });
  try {
    await writeFile(join(folder, 'rehearsal.yaml'), profileOf(server.api));
    await command('plan', ['plan', '--profile', 'rehearsal.yaml', '--data', 'data', '--results', 'results']);
    const run = ['run', '--profile', 'rehearsal.yaml', '--data', 'data', '--results', 'results', '--quiet'];
    await command('run', run);
    await tellSteps();
    await rm(join(folder, 'results'), { recursive: true });
    await command('run again, from the cache', run);
    await tellSteps();
  } finally {
    await server.close();
  }
  await command('report', ['report', 'results', '--data', 'data']);
  for (const name of ['data', 'results', 'home', 'results/report']) {
    say(name, bytesText(await bytesBelow(join(folder, name))));
  }
  await timeReport();
}

function sizeOf(share: number): RecordSize {
  const part = (count: number, of: number) => Math.max(2, Math.round(count * of));
  const { he, pdl1, nuclei, boxes } = PAPER;
  return {
    he: part(he, share),
    heTested: Number(values['he-tested']),
    pdl1: part(pdl1, share),
    nuclei: part(nuclei, share),
    boxes: { pdl1: part(boxes.pdl1, share), nuclei: part(boxes.nuclei, share) },
  };
}

async function writeNetworks(): Promise<void> {
  const networks = join(folder, 'networks');
  await mkdir(networks, { recursive: true });
  await writeTissueNetwork(join(networks, 'he.onnx'));
  for (const task of ['nuclei', 'pdl1'] as const)
    await writeCellNetwork(join(networks, `${task}.onnx`), cellDefinition(task).classes);
}

function profileOf(api: string): string {
  const modelOf = (task: string) => `model: ${join(folder, 'networks', `${task}.onnx`)}`;
  return [
    'name: rehearsal',
    `record: "${RECORD}"`,
    `zenodo: { api: "${api}" }`,
    'inference: { provider: cpu }',
    `he: { ${modelOf('he')}, scope: annotated }`,
    ...['nuclei', 'pdl1'].map((task) => `${task}: { ${modelOf(task)} }`),
    '',
  ].join('\n');
}

async function command(name: string, words: readonly string[]): Promise<void> {
  const home = join(folder, 'home');
  const watch = new MemoryWatch(home);
  await timed(name, async () => {
    const { status, stdout, stderr } = await startCommand(words, { home, cwd: folder }).ended;
    if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}:\n${stdout}\n${stderr}`);
    for (const line of stdout.split('\n').filter((each) => each !== '')) console.log(`  | ${line}`);
  });
  for (const [kind, bytes] of watch.stop()) say(`  memory, ${kind}`, bytesText(bytes));
}

/** Prints the activities that took most of the time. */
async function tellSteps(): Promise<void> {
  const { steps } = await readStepTimes(join(folder, 'results'));
  for (const { step, count, total, longest } of steps.toSorted((a, b) => b.total - a.total).slice(0, 12)) {
    say(`  ${step}`, `${count} times, ${total.toFixed(1)} s in all, ${longest.toFixed(1)} s the longest`);
  }
}

async function timeReport(): Promise<void> {
  if (BROWSER === undefined) return say('opening the report', 'not measured: there is no Chromium');
  const page = await BrowserPage.open(join(folder, 'browser'));
  try {
    await timed('report opened in Chromium', () => page.goTo(`file://${join(folder, 'results/report/index.html')}`));
    for (const complaint of page.complaints) say('  Chromium says', complaint);
  } finally {
    await page.close();
  }
}

async function timed(name: string, work: () => Promise<void>): Promise<void> {
  const start = performance.now();
  await work();
  say(name, `${((performance.now() - start) / 1_000).toFixed(1)} s`);
}

async function bytesBelow(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function say(name: string, what: string): void {
  console.log(`${name.padEnd(40)} ${what}`);
}
