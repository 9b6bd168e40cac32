// Measures how long a run takes if all ROIs are in the cache: the second, third, ... run of 100,000 ROIs. Acquisition,
// model and report are stubbed; planning (checking every file and entry, copying every result), aggregation, verdict
// and discrepancy report are real.
// Usage: node --max-semi-space-size=64 --import tsx bench/cached-run.ts [--rois 100000] [--home DIR] [--runs 2]
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { createOrchestrationActivities } from '../activities/orchestration.ts';
import { createRenderActivities } from '../activities/render.ts';
import { connectTo } from '../runtime/server/connection.ts';
import { startEmbeddedServer } from '../runtime/server/embedded-server.ts';
import { ENGINE, MODEL, serveStubbed, startStubbed, stubbedRun } from '../tests/support/stubbed-run.ts';
import { ANY_PORTS, temporalBinary } from '../tests/support/temporal.ts';
import { Sha256 } from '../toolkit/cache/file-digests.ts';
import { type CacheEntry, cacheKey, type KeyParts } from '../toolkit/cache/step-cache.ts';
import { HE_LABELS } from '../toolkit/dataset/tissue-labels.ts';
import { sha256Of } from '../toolkit/files/hash-file.ts';
import { TraceLine } from '../toolkit/report/trace.ts';
import { caseFigureKey, comparisonKey, segmentKey } from '../toolkit/tasks/tissue/tissue.ts';

/** Folders of the data: images, ground truth and published masks. */
const FOLDERS = ['images/he', 'annotations/he', 'inference/he'];

const { values } = parseArgs({
  options: {
    rois: { type: 'string', default: '100000' },
    home: { type: 'string', default: join(tmpdir(), 'reignite-cached-run') },
    runs: { type: 'string', default: '2' },
  },
});
const root = resolve(values.home);
const rois = Number(values.rois);
const run = stubbedRun(root, rois);
const { home } = run;
if (!existsSync(join(root, 'filled'))) await fill();

const server = await startEmbeddedServer({ home: root, binary: await temporalBinary(), ports: ANY_PORTS });
const client = await connectTo(server);
for (let count = 1; count <= Number(values.runs); count++) {
  // Like a new worker process: it only knows what is on disk.
  const { prepareModel: _prepare, writeReport: _report, ...render } = createRenderActivities(home);
  const steps = { ...createOrchestrationActivities(home), ...render };
  const stop = await serveStubbed(run, server, { steps });
  const began = Date.now();
  const before = process.cpuUsage();
  await (await startStubbed(client, run)).result();
  const { user, system } = process.cpuUsage(before);
  const seconds = ((Date.now() - began) / 1_000).toFixed(1);
  console.log(`run ${count}: ${rois} cached ROIs in ${seconds} s; processor ${((user + system) / 1e6).toFixed(1)} s`);
  tellSteps();
  await stop();
  await sleep(2_500);
}
await client.connection.close();
await server.stop();

function tellSteps(): void {
  for (const line of readFileSync(join(root, 'results', 'trace.jsonl'), 'utf8')
    .trim()
    .split('\n')) {
    const { step, runSeconds, peakMemoryBytes } = TraceLine.parse(JSON.parse(line));
    if ((runSeconds ?? 0) > 0.2)
      console.log(`  ${step} ${runSeconds} s, ${Math.round((peakMemoryBytes ?? 0) / 1e6)} MB`);
  }
}

/** Writes the record and the cache as such a run leaves them; files that are never decoded are not images. */
async function fill(): Promise<void> {
  const rows: string[] = ['task,image_path,annotation_path,split,patient_id,shape,area_mm2'];
  for (const folder of FOLDERS) mkdirSync(join(root, 'data', folder), { recursive: true });
  // Images without context are opened to read their size; all of them must be different files.
  const header = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#fff' } })
    .png()
    .toBuffer();
  for (let index = 0; index < rois; index++) {
    const patient = `patient${1 + (index % 500)}`;
    const name = `${patient}_he_roi${index}`;
    writeFileSync(join(root, 'data', 'images', 'he', `${name}.png`), Buffer.concat([header, Buffer.from(name)]));
    writeFileSync(join(root, 'data', 'annotations', 'he', `${name}.png`), `truth of ${name}`);
    const paths = `../../data/images/he/${name}.png,../../data/annotations/he/${name}.png`;
    rows.push(`he_tissue_segmentation,${paths},test,${patient},"(48, 64)",0.000768`);
    fillRoi(`${name}_with_context`, index);
  }
  writeFileSync(join(root, 'data', 'data_overview.csv'), `${rows.join('\n')}\n`);
  writeFileSync(join(root, 'filled'), '');
}

function fillRoi(roi: string, index: number): void {
  const [image, truth, published] = FOLDERS.map((folder) => {
    const content = `${folder} of ${roi}`;
    writeFileSync(join(root, 'data', folder, `${roi}.png`), content);
    return sha256Of(content);
  });
  const [mask, margin] = [`mask of ${roi}`, `margin of ${roi}`];
  const sources = { image: Sha256.parse(image), truth: Sha256.parse(truth) };
  const { config } = run.input;
  const segment = segmentKey(sources, { model: MODEL, engine: ENGINE, settings: config.he });
  const confusion = confusionOf(index);
  const ran = { provider: 'cpu', fallbacks: [], instructionSet: 'AVX2', tiles: 30, seconds: 60, notes: [] };
  const files = { 'mask.png': mask, 'margin.png': margin };
  const entry = store(segment, files, { width: 1_024, height: 768, confusion, ...ran });
  store(caseFigureKey(roi, sources, entry), { 'figure.png': `figure of ${roi}` }, {});
  const both = { published: Sha256.parse(published), truth: sources.truth };
  const judged = comparisonKey(entry, both, config.verdict.he.tolerance.maxConfidence);
  const comparison = { pixels: 786_432, differing: 3, largestConfidence: 1e-5, lowConfidence: 3, between: confusion };
  store(judged, {}, { comparison, published: confusion });
}

function confusionOf(index: number): number[][] {
  const size = HE_LABELS.length;
  return Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_cell, j) => (i === j ? 1_000 + index : (i * j) % 7)),
  );
}

function store(parts: KeyParts, contents: Record<string, string>, facts: object): CacheEntry {
  const key = cacheKey(parts);
  const folder = join(home.cache, key.slice(0, 2), key);
  mkdirSync(folder, { recursive: true });
  const files: CacheEntry['files'] = {};
  for (const [name, text] of Object.entries(contents)) {
    writeFileSync(join(folder, name), text);
    files[name] = { sha256: Sha256.parse(sha256Of(text)), bytes: Buffer.byteLength(text) };
  }
  const entry: CacheEntry = { key, parts, files, facts };
  writeFileSync(join(folder, 'entry.json'), JSON.stringify(entry));
  return entry;
}
