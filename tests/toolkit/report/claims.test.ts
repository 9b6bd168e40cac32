import { describe, expect, it } from 'vitest';
import { RunConfig } from '../../../config/schema.ts';
import { TASKS } from '../../../config/tasks.ts';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import type { Provenance } from '../../../toolkit/dataset/provenance.ts';
import { parseAdapters } from '../../../toolkit/onnx/provider/nvidia.ts';
import { citations, methodsText } from '../../../toolkit/report/page/citation.ts';
import { badge, headlineOf } from '../../../toolkit/report/page/headline.ts';
import type { JudgedTask, ReportData } from '../../../toolkit/report/report-data.ts';
import type { TaskSummary } from '../../../toolkit/report/summary.ts';
import { judgeTissue } from '../../../toolkit/verdict/judge-tissue.ts';

const ROIS = { total: 1, computed: 1, cached: 0, failed: 0 };
const MODELS = { he: { kind: 'nnunet-v1-2d', folds: [0, 1, 3], input: { shape: [1, 3, 512, 512] } } };

function tissue(verdict: JudgedTask['verdict']): JudgedTask {
  const judged = judgeTissue(
    'he',
    [{ kind: 'not compared', roi: 'r', reason: 'x' }],
    undefined,
    VerdictConfig.parse({}).he,
  );
  return { ...judged, verdict, breakdown: [], rois: judged.rois.map((roi) => ({ ...roi, verdict })) };
}

function run(provenance: Provenance, record: string, changed: Partial<ReportData> = {}): ReportData {
  const tasks = Object.fromEntries(
    TASKS.map((task): [string, TaskSummary] => [task, { verdict: 'reproduced', rois: ROIS, failures: [], worst: [] }]),
  );
  return {
    provenance,
    summary: { run: 'r', record, profile: 'paper', digest: 'd', status: 'done', ended: '2026-01-02T00:00:00Z', tasks },
    tasks: [tissue('reproduced')],
    discrepancies: [],
    configuration: RunConfig.parse({ name: 'paper', record }),
    environments: [],
    times: { steps: [], began: undefined, retries: 0 },
    models: MODELS,
    verified: ['md5', 'md5'],
    ...changed,
  };
}

function everything(data: ReportData): string {
  const { question, answer, sentence } = headlineOf(data);
  return [question, answer, sentence, String(badge(data)), ...citations(data, '1'), ...methodsText(data)].join('\n');
}

describe('the claims of a report', () => {
  it('on synthetic data with any record number: no paper, no citation, no methods', () => {
    const data = run({ kind: 'synthetic' }, '15674785');
    const { answer } = headlineOf(data);
    expect(answer).toBe('The pipeline works: the synthetic sample is reproduced; this says nothing about the paper.');
    expect(methodsText(data)).toEqual([]);
    expect(everything(data)).not.toMatch(/IGNITE|[Zz]enodo|arXiv|doi\.org|Yes/);
    expect(String(badge(data))).toContain('reproduced (synthetic)');
    expect(String(badge(data))).not.toContain('#1d6b3a');
  });

  it('on another record: what was compared, never the paper', () => {
    const data = run({ kind: 'other', title: 'Mine' }, '42');
    expect(everything(data)).not.toMatch(/IGNITE|the paper|arXiv|zenodo\.42|BY-NC/);
    expect(methodsText(data)[0]).toContain('record 42 ("Mine")');
    expect(headlineOf(data).question).toContain('record 42');
  });

  it('on the paper: whether it was reproduced, limited to what was compared', () => {
    const configuration = RunConfig.parse({ name: 'paper', record: '15674785', tasks: ['he'] });
    const data = run({ kind: 'paper' }, '15674785', { configuration });
    expect(headlineOf(data).answer).toBe('Yes, as far as it was compared: reproduced.');
    expect(headlineOf(data).sentence).toContain('Nuclei detection and PD-L1 detection were not part of this run.');
    expect(citations(data, '1').join()).toContain('https://doi.org/10.5281/zenodo.15674785');
  });

  it('on a cancelled run: which chosen tasks were not finished', () => {
    const configuration = RunConfig.parse({ name: 'x', record: '42', tasks: ['he', 'pdl1'] });
    const { summary } = run({ kind: 'other' }, '42');
    const cancelled = { configuration, summary: { ...summary, status: 'cancelled' as const, tasks: {} } };
    const one = headlineOf(run({ kind: 'other' }, '42', cancelled)).sentence;
    expect(one).toContain('PD-L1 detection was not finished. Nuclei detection was not part of this run.');
    const none = headlineOf(run({ kind: 'other' }, '42', { ...cancelled, tasks: [] }));
    expect(none.answer).toBe('Undetermined: no task was finished.');
    expect(none.sentence).toContain('H&E tissue segmentation and PD-L1 detection were not finished.');
    const sample = headlineOf(run({ kind: 'synthetic' }, '1', { ...cancelled, tasks: [] }));
    expect(sample.answer).toContain('finished no task; this says nothing about the paper');
  });

  it('name a custom model', () => {
    const configuration = RunConfig.parse({ name: 'x', record: '15674785', he: { model: '/m.onnx' } });
    const models = { he: { kind: 'onnx', folds: [], input: { shape: [1, 3, 256, 256] } } };
    const data = run({ kind: 'paper' }, '15674785', { configuration, models });
    expect(headlineOf(data).sentence).toContain("ran with a custom model in place of the record's");
    const methods = methodsText(data).join('\n');
    expect(methods).toContain('a custom ONNX model over every pixel of each ROI: tiles of 256 x 256 px');
    expect(methods).not.toContain('checkpoints were converted');
    expect(methods).not.toContain('folds');
  });
});

describe('the methods text', () => {
  it('describes the differences of nnU-Net v2', () => {
    const configuration = RunConfig.parse({ name: 'x', record: '15674785', he: { model: '/m', mirroring: true } });
    const he = {
      kind: 'nnunet-v2-2d',
      folds: [0, 1],
      architecture: { mirrorAxes: [0, 1] },
      input: { shape: [1, 3, 256, 224] },
    };
    const text = methodsText(run({ kind: 'paper' }, '15674785', { configuration, models: { he } })).join('\n');
    expect(text).toContain('a custom nnU-Net v2 ensemble (folds 0 and 1)');
    expect(text).toContain('tiles also mirrored, logits averaged over the folds, and the label that follows from them');
  });

  const methodsOf = (changed: Partial<ReportData>) =>
    methodsText(run({ kind: 'paper' }, '15674785', changed)).join('\n');
  const configured = (fields: object) => RunConfig.parse({ name: 'x', record: '15674785', ...fields });

  it('says how tiles overlap, which folds ran, and what was verified', () => {
    const text = methodsOf({});
    expect(text).toContain('overlap by half (a stride of half a tile)');
    expect(text).toContain('folds 0, 1 and 3');
    expect(text).toContain('fetched from zenodo.org; 2 files were verified by the MD5');
    expect(text).toContain('without Nuclei detection and PD-L1 detection');
    expect(text).not.toMatch(/cells counted|printed values/);
  });

  it('claims no checksum that was not compared', () => {
    const text = methodsOf({ configuration: configured({ zenodo: { offline: true } }), verified: [] });
    expect(text).toContain('used from a data folder without verification; no checksums were verified');
    expect(methodsOf({ verified: ['md5', 'crc'] })).toContain('1 of 2 files was verified by MD5');
  });

  it('follows scope, engine, threads, cache and the GPU with its driver', () => {
    const engine = {
      model: 'm',
      provider: 'cuda',
      ortVersion: '1.30.0',
      engine: 'exact',
      precision: 'float32',
    } as const;
    const machine = {
      role: 'inference',
      reignite: '9',
      node: '20',
      platform: 'linux x64',
      processor: 'AMD EPYC',
      cores: 2,
      memory: 8,
      provider: 'cuda',
      ...parseAdapters('NVIDIA H200, 570.1.2\nNVIDIA H200, 570.1.2\n'),
    } as const;
    const text = methodsOf({
      configuration: configured({ he: { scope: 'annotated' }, inference: { threads: 1 } }),
      tasks: [{ ...tissue('reproduced'), engine }],
      environments: [machine],
    });
    expect(text).toContain('the tiles that hold annotated pixels');
    expect(text).toContain('ONNX Runtime 1.30.0 (execution provider cuda, engine "exact"), with 1 thread per session');
    expect(text).toContain('in float32 (TensorFloat-32 switched off) with');
    expect(text).toContain('an AMD EPYC machine (linux x64; NVIDIA H200, driver 570.1.2)');
    const fast = {
      ...engine,
      engine: 'fast',
      precision: 'float16',
      adapter: 'NVIDIA H200',
      driver: '570.1.2',
    } as const;
    for (const [batchSize, tiles] of [
      [4, '4 tiles at once'],
      [0, 'as many tiles at once as its memory allows'],
    ] as const) {
      // Also where all results came from the cache, and no machine is named.
      const cached = methodsOf({ tasks: [{ ...tissue('reproduced'), engine: { ...fast, batchSize } }] });
      expect(cached).toContain('in float16 (TensorFloat-32 switched off) with ONNX Runtime 1.30.0');
      expect(cached).toContain(`(execution provider cuda on NVIDIA H200, driver 570.1.2, engine "fast", ${tiles})`);
    }
    const without = methodsOf({
      tasks: [{ ...tissue('reproduced'), engine }],
      environments: [{ ...machine, adapter: undefined, driver: undefined }],
    });
    expect(without).toContain('GPU and driver were not recorded');
  });
});
