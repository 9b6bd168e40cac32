import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { z } from 'zod';
import { RunConfig } from '../../../config/schema.ts';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import type { RecordKind } from '../../../toolkit/dataset/provenance.ts';
import { Environment } from '../../../toolkit/report/environment.ts';
import { RoiLayers } from '../../../toolkit/report/layers/draw-layers.ts';
import { Summary } from '../../../toolkit/report/summary.ts';
import { TraceLine } from '../../../toolkit/report/trace.ts';
import { writeReport } from '../../../toolkit/report/write-report.ts';
import { SweepFile } from '../../../toolkit/results/results-folder.ts';
import { DiscrepanciesFile } from '../../../toolkit/verdict/discrepancies/discrepancies-file.ts';
import { judgeTissue } from '../../../toolkit/verdict/judge-tissue.ts';
import { CellsVerdictFile, HeVerdictFile } from '../../../toolkit/verdict/verdict-file.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const MARKUP = `</title></pre></script><script>alert(1)</script></style>--><img src=x onerror=alert(2)>]]>"' &lt;\u2028\u0001`;
const PLAIN = 'plain';

const ROIS = { total: 3, computed: 1, cached: 0, failed: 2 };
const FAILURES = [
  { roi: 'roi', code: 'CODE', cause: 'cause', remedy: 'remedy' },
  { roi: 'roi', code: 'CODE', cause: 'cause' },
];
const UNCERTAINTY = { patients: 2, cohorts: { RUMC: 1 }, resamples: 100, seed: 1, generator: 'g', level: 0.95 };
const METRIC = { name: 'RUMC: reader R1|AI, macro', judged: true, published: 0.5, ours: 0.5, difference: 0 };
const BREAKDOWN = { column: 'source', value: 'rumc', rois: 1, patients: 1, metrics: [{ ...METRIC, name: 'Overall' }] };
const ENGINE = { model: 'm', provider: 'cpu', ortVersion: '1', engine: 'exact', precision: 'float32' };
const SWEEP = {
  ...{ confidence: 0.4, paper: 0.5, iou: 0.6, images: 1, thresholds: [0.4, 0.5], points: [2, 1] },
  curves: [{ group: 'RUMC', reader: 'reader R1', macro: [0.5, null], perClass: [[0.5, null]] }],
  tumourProportion: { mean: [1, 2], readers: [{ reader: 'reader R1', meanAbsoluteDifference: [1, 2] }] },
};
const WORST = [{ roi: 'roi', difference: 0.5 }];

/** Every input of a report that holds text, valid, with its schema. */
function inputs(kind: RecordKind): readonly (readonly [path: string, value: unknown, schema: z.ZodType])[] {
  const task = { verdict: 'differs', rois: ROIS, failures: FAILURES, worst: WORST };
  const summary = {
    run: 'run',
    record: 'record',
    provenance: { kind, title: 'title' },
    profile: 'profile',
    digest: 'digest',
    status: 'partial',
    tasks: { he: task, pdl1: task, [kind]: task },
    interventions: [{ at: 'at', what: 'what' }],
  };
  const tissue = judgeTissue(
    'he',
    [{ kind: 'not compared', roi: 'roi', reason: 'reason' }],
    undefined,
    VerdictConfig.parse({}).he,
  );
  const reason = { verdict: 'differs', reason: 'reason' };
  const points = { ours: 1, published: 1, matched: 1, farthest: 0, extra: 0, missing: 0, unexplained: 1 };
  const cells = {
    task: 'pdl1',
    verdict: 'differs',
    evaluation: reason,
    inference: { ...reason, pooled: points },
    f1: [METRIC],
    f1LowestIndex: [METRIC],
    readers: [{ group: 'RUMC', lowest: 0, highest: 1 }],
    engine: ENGINE,
    uncertainty: UNCERTAINTY,
    breakdown: [{ ...BREAKDOWN, metrics: [METRIC] }],
    tumourProportion: {
      definition: 'definition',
      use: 'for research only',
      rois: [],
      readers: [
        {
          reader: 'reader R1',
          rois: 1,
          meanDifference: 1,
          meanAbsoluteDifference: 1,
          publishedMeanDifference: 1,
          publishedMeanAbsoluteDifference: 1,
          sameCategory: 1,
        },
      ],
    },
    warnings: ['warning'],
    rois: [{ roi: 'roi', verdict: 'differs', reason: 'reason', difference: 0.5, comparison: points }],
    worst: WORST,
  };
  const entry = {
    id: 'entry',
    title: 'title',
    what: 'what',
    where: 'where',
    tasks: ['he'],
    status: 'affects results',
    effect: 'effect',
    corrected: [{ name: 'name', paper: 0, corrected: 1 }],
    affected: ['roi'],
    affectedTotal: 1,
  };
  const line = {
    workflow: 'w',
    step: 'step',
    summary: 's',
    scheduled: '2026-01-01T00:00:00.000Z',
    started: null,
    closed: null,
    queueSeconds: null,
    runSeconds: 1,
    attempts: 2,
    worker: 'worker',
    peakMemoryBytes: null,
    outcome: 'completed',
  };
  const machine = {
    role: 'inference',
    reignite: '1',
    node: '20',
    platform: 'linux',
    processor: 'p',
    cores: 1,
    memory: 1,
    onnxRuntime: '1',
    provider: 'cuda',
    adapter: 'gpu',
    driver: '1',
  };
  const config = { name: 'profile', record: 'record', he: { model: 'model' }, zenodo: { mirror: 'mirror' } };
  const layer = { width: 9, height: 9, spots: [{ x: 1, y: 1, count: 1 }], notes: ['note'] };
  const files = { image: 'assets/image.webp', ours: 'assets/ours.svg', differ: 'assets/differ.svg' };
  const layersOf = (each: string) => ({ task: each, roi: 'roi', ...layer, files, classes: [] });
  return [
    ['summary.json', summary, Summary],
    [
      'verdict/he.json',
      {
        ...tissue,
        engine: ENGINE,
        uncertainty: UNCERTAINTY,
        warnings: ['warning'],
        breakdown: [BREAKDOWN],
        worst: WORST,
      },
      HeVerdictFile,
    ],
    ['verdict/pdl1.json', cells, CellsVerdictFile],
    ['metrics/pdl1.sweep.json', SWEEP, SweepFile],
    ['verdict/discrepancies.json', { schema: 1, entries: [entry] }, DiscrepanciesFile],
    ['trace.jsonl', line, TraceLine],
    ['environment/inference-1.json', machine, Environment],
    ['configuration.yaml', config, RunConfig],
    ['report/assets/layers.json#he', layersOf('he'), RoiLayers],
    ['report/assets/layers.json#pdl1', layersOf('pdl1'), RoiLayers],
  ];
}

/** Puts `text` in place of every string, and of the name of every field, that the schema leaves free. */
function filled(value: unknown, schema: z.ZodType, text: string): unknown {
  let whole = value;
  for (const path of pathsOf(value)) {
    const changed = replaced(whole, path, text);
    if (schema.safeParse(changed).success) whole = changed;
  }
  return whole;
}

function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value === 'string') return [path];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]));
}

function replaced(value: unknown, [key, ...rest]: readonly string[], text: string): unknown {
  if (key === undefined) return text;
  if (Array.isArray(value)) return value.map((inner, k) => (String(k) === key ? replaced(inner, rest, text) : inner));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, name === key ? replaced(inner, rest, text) : inner]),
  );
}

async function reportWith(text: string, kind: RecordKind): Promise<ReadonlyMap<string, string>> {
  const results = await temporaryFolder();
  const layers: unknown[] = [];
  for (const [path, value, schema] of inputs(kind)) {
    let document = filled(value, schema, text);
    if (path === 'summary.json') document = withStrangeTask(document, kind, text);
    if (path.startsWith('report/')) {
      layers.push({ ...(document as object), stamp: text });
      continue;
    }
    await mkdir(dirname(join(results, path)), { recursive: true });
    const written = path.endsWith('.yaml') ? stringify(document) : JSON.stringify(document);
    await writeFile(join(results, path), written);
  }
  await writeFile(join(results, 'metrics/pdl1.json'), JSON.stringify(metricsWith(text)));
  await mkdir(join(results, 'report/assets'), { recursive: true });
  await writeFile(join(results, 'report/assets/layers.json'), JSON.stringify({ schema: 1, rois: layers }));
  await writeReport(results, { version: text });
  const names = ['report/index.html', 'report/assets/badge.svg', 'README.md'];
  const figures = (await readdir(join(results, 'report/assets'), { recursive: true })).filter((name) =>
    /figures.*\.svg$/.test(name),
  );
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(results, name), 'utf8')] as const)).then(
      async (pages) => [
        ...pages,
        ...(await Promise.all(
          figures.map(
            async (name, k) => [`figure ${k}`, await readFile(join(results, 'report/assets', name), 'utf8')] as const,
          ),
        )),
      ],
    ),
  );
}

/** Scores of a reader of that name: the names of the pairs must fit those of the readers. */
function metricsWith(name: string): object {
  const f1 = [
    [null, 0.5],
    [null, null],
  ];
  const confusion = [
    [1, 1],
    [1, 0],
  ];
  return {
    groups: { RUMC: { readers: [name, 'AI'], f1: { macro: f1, 0: f1 }, confusion: { [`${name}|AI`]: confusion } } },
  };
}

/** The name of a task in a foreign summary may be anything. */
function withStrangeTask(summary: unknown, name: string, text: string): unknown {
  const { tasks, ...rest } = Summary.parse(summary);
  return {
    ...rest,
    tasks: Object.fromEntries(Object.entries(tasks).map(([task, each]) => [task === name ? text : task, each])),
  };
}

/** The elements of a page with the names of their attributes: what text must never change. */
function skeleton(page: string): string[] {
  const data = page.replace(/(<script type="application\/json"[^>]*>)[^<]*/, '$1');
  return [...data.matchAll(/<[!/]?[a-zA-Z-][^>]*>|-->/g)].map(([tag]) => tag.replaceAll(/="[^"]*"/g, ''));
}

describe('text with markup, in every string of every input of the report', () => {
  it.each(['paper', 'synthetic', 'other'] as const)(
    'adds no element to page, badge, figures and README (%s)',
    async (kind) => {
      const plain = await reportWith(PLAIN, kind);
      const marked = await reportWith(MARKUP, kind);
      expect([...marked.keys()]).toEqual([...plain.keys()]);
      expect(marked.size).toBeGreaterThan(3);
      for (const [name, page] of marked) {
        expect(skeleton(page), name).toEqual(skeleton(plain.get(name) ?? ''));
        expect(page, name).not.toContain('<script>alert');
        expect(page, name).not.toContain('\u0001');
      }
      const html = marked.get('report/index.html') ?? '';
      expect(html.split('&lt;script&gt;alert(1)').length, 'shown as text').toBeGreaterThan(30);
    },
  );

  it('is read back unchanged from the data of the viewer, which U+2028 does not break', async () => {
    const html = (await reportWith(MARKUP, 'paper')).get('report/index.html') ?? '';
    const [, json = ''] = /<script type="application\/json" id="viewer-data">([^<]*)<\/script>/.exec(html) ?? [];
    expect(json).not.toMatch(/[<>&\u2028\u2029]/);
    expect(JSON.parse(json).rois[0]).toMatchObject({ roi: MARKUP, notes: [MARKUP] });
  });
});
