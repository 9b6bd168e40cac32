import { z } from 'zod';
import { InferenceConfig, RunConfig, TaskName, ZenodoConfig } from '../config/schema.ts';
import { TaskSettings } from '../config/task-config.ts';
import { VerdictConfig } from '../config/verdict-config.ts';
import { Sha256 } from '../toolkit/cache/file-digests.ts';
import { CacheKey } from '../toolkit/cache/step-cache.ts';
import { KINDS, RoiStem } from '../toolkit/dataset/layout.ts';
import { FoldName } from '../toolkit/nnunet/model-card.ts';
import { AdapterNames, ENGINES, PROVIDERS, SumsChoice } from '../toolkit/onnx/session/engine-choice.ts';
import type { EvaluationVerdict, Verdict } from '../toolkit/verdict/verdict-file.ts';

/** The folders of a run, absolute. All other paths in a history are relative to one of them or to the state directory. */
export const RunFolders = z.object({
  data: z.string().min(1),
  results: z.string().min(1),
  generation: z.string().min(1).optional().describe('Cache namespace of a fresh run and of those that resume it'),
});
export type RunFolders = z.infer<typeof RunFolders>;

/** An ROI that a user excluded from a run. */
export const SkippedRoi = z.object({
  task: TaskName,
  roi: z.string().min(1).describe("Stem of the ROI's file in inference/"),
  reason: z.string().min(1),
});
export type SkippedRoi = z.infer<typeof SkippedRoi>;

/** Input of `reproduce`. */
export const RunInput = z.object({
  config: RunConfig,
  digest: z.string().regex(/^[0-9a-f]{16}$/),
  folders: RunFolders,
  searchable: z.boolean().exactOptional().describe('Whether the server knows the search attributes of reignite'),
});
export type RunInput = z.infer<typeof RunInput>;

export type { RunIntervention } from '../toolkit/report/summary.ts';

/** Input of `acquire`, started by a run or by `reignite download`. */
export const AcquireInput = z.object({
  config: RunConfig,
  data: z.string().min(1).describe('Absolute'),
  run: z.string().optional().describe('Workflow ID of the run that waits for it'),
  whole: z.boolean().describe('Whether to download all files of the record; otherwise only what the tasks need'),
  only: z.array(z.string()).optional().describe('Globs of the wanted files'),
});
export type AcquireInput = z.infer<typeof AcquireInput>;

export const FetchRecordInput = z.object({
  record: z.string(),
  tasks: z.array(TaskName).min(1),
  zenodo: ZenodoConfig,
  data: z.string(),
  whole: z.boolean(),
  only: z.array(z.string()).optional(),
  ownModels: z.array(TaskName).default([]).describe('Tasks that need no model of the record'),
  retrySeconds: z.number(),
});
export type FetchRecordInput = z.infer<typeof FetchRecordInput>;

export const RecordFile = z.object({
  key: z.string().min(1),
  size: z.number().int().nonnegative(),
  md5: z.string().regex(/^[0-9a-f]{32}$/),
  url: z.string().min(1),
  root: z
    .enum(KINDS)
    .exactOptional()
    .describe('Folder that the members of an archive belong to, known by its contents'),
  part: z.boolean().describe('Whether only those members of the archive are wanted that the globs name'),
});
export type RecordFile = z.infer<typeof RecordFile>;

export const FileInput = z.object({
  data: z.string(),
  record: z.string(),
  file: RecordFile,
  zenodo: ZenodoConfig,
  only: z.array(z.string()).optional(),
  retrySeconds: z.number(),
});
export type FileInput = z.infer<typeof FileInput>;

export const UnpackInput = FileInput.extend({
  sha256: z.string().describe('Of the archive, as it was fetched'),
  mirrored: z.boolean().describe('Whether it is in the mirror'),
});
export type UnpackInput = z.infer<typeof UnpackInput>;

/** A converted network; its digest is the name of its folder in the state directory's models. */
export const ModelRef = z.object({ digest: z.string().regex(/^[0-9a-f]{64}$/) });
export type ModelRef = z.infer<typeof ModelRef>;

/** The engine of a network: part of every cache key, since another engine may round differently. */
export const EngineRef = z.object({
  provider: z.string(),
  ...AdapterNames.shape,
  ortVersion: z.string(),
  engine: z.string(),
  precision: SumsChoice.shape.precision,
  batchSize: SumsChoice.shape.batchSize,
});
export type EngineRef = z.infer<typeof EngineRef>;

/** A task's files under the state directory: RUNS/<digest>/<execution>/<task>. */
export const StageRef = z.object({ folder: z.string().min(1) });
export type StageRef = z.infer<typeof StageRef>;

/** Input for preparing a task's model: the record's, or a custom one. */
export const PrepareModelInput = z.object({ task: TaskName, folders: RunFolders, settings: TaskSettings });
export type PrepareModelInput = z.infer<typeof PrepareModelInput>;

export const ProbeInput = z.object({ task: TaskName, model: ModelRef, inference: InferenceConfig });
export type ProbeInput = z.infer<typeof ProbeInput>;

/** Fields that the activities of a task share. */
const TaskStep = z.object({
  task: TaskName,
  folders: RunFolders,
  stage: StageRef,
  model: ModelRef,
  engine: EngineRef,
  settings: TaskSettings,
});

export const PlanTaskInput = TaskStep.extend({ batchSize: z.number().int().min(1) });
export type PlanTaskInput = z.infer<typeof PlanTaskInput>;

export const ReadBatchInput = z.object({ stage: StageRef, batch: z.number().int().nonnegative() });
export type ReadBatchInput = z.infer<typeof ReadBatchInput>;

/** An ROI of a task's plan. */
export const PlannedRoi = z.object({
  roi: RoiStem,
  image: z.string().min(1).describe('Relative to the data folder'),
  truth: z.string().min(1).describe('Relative to the data folder: the mask, or the annotations of all readers'),
  box: z
    .tuple([z.number(), z.number(), z.number(), z.number()])
    .exactOptional()
    .describe('The annotated part of a detection image in px: left, top, right, bottom'),
  key: CacheKey.exactOptional().describe('Of its result in the cache; missing where one of its files is'),
});
export type PlannedRoi = z.infer<typeof PlannedRoi>;

/** An ROI to compute: `need` says what is missing from the cache. */
export const OutstandingRoi = PlannedRoi.extend({
  sources: z
    .object({ image: Sha256, truth: Sha256 })
    .exactOptional()
    .describe('Digests of its files when it was planned; missing where one was'),
  need: z.enum(['infer', 'draw']),
});
export type OutstandingRoi = z.infer<typeof OutstandingRoi>;

export const InferRoiInput = TaskStep.omit({ stage: true }).extend({
  ...OutstandingRoi.omit({ need: true }).shape,
  following: z.string().exactOptional().describe('Image of the next ROI, which a GPU worker decodes meanwhile'),
  inference: InferenceConfig,
});
export type InferRoiInput = z.infer<typeof InferRoiInput>;

export const RoiFailure = z.object({
  roi: z.string(),
  code: z.string(),
  cause: z.string(),
  /** Set if the error has a better remedy than the default of its code. */
  remedy: z.string().optional(),
});
export type RoiFailure = z.infer<typeof RoiFailure>;

export const DrawBatchInput = TaskStep.extend({
  batch: z.number().int().nonnegative(),
  failures: z.array(RoiFailure),
});
export type DrawBatchInput = z.infer<typeof DrawBatchInput>;

export const AggregateTaskInput = TaskStep.extend({ batches: z.number().int().nonnegative() });
export type AggregateTaskInput = z.infer<typeof AggregateTaskInput>;

export const DrawFiguresInput = z.object({ task: TaskName, folders: RunFolders });
export type DrawFiguresInput = z.infer<typeof DrawFiguresInput>;

export const CompareTaskInput = AggregateTaskInput.extend({ verdict: VerdictConfig });
export type CompareTaskInput = z.infer<typeof CompareTaskInput>;

/** What the discrepancy report needs to know about a finished task. */
export const EndedTask = z.object({ stage: StageRef, batches: z.number().int().nonnegative() });
export type EndedTask = z.infer<typeof EndedTask>;

export const MeasureTaskInput = EndedTask.extend({
  task: TaskName,
  folders: RunFolders,
  settings: TaskSettings,
  inference: InferenceConfig,
  full: z.boolean().describe('`discrepancies.full` of the configuration'),
});
export type MeasureTaskInput = z.infer<typeof MeasureTaskInput>;

/** Outcome of the repeated inference for the discrepancy report. */
export const MeasureOutcome = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('nothing') }),
  z.object({ kind: z.literal('measured'), rois: z.int() }),
  z.object({ kind: z.literal('not measured'), reason: z.string() }),
]);
export type MeasureOutcome = z.infer<typeof MeasureOutcome>;

export const WriteDiscrepanciesInput = z.object({
  folders: RunFolders,
  record: z.string().describe('Number of the record'),
  tasks: z.array(EndedTask.extend({ task: TaskName, settings: TaskSettings, measured: MeasureOutcome })),
});
export type WriteDiscrepanciesInput = z.infer<typeof WriteDiscrepanciesInput>;

/** The part of a verdict that is kept in the task's history; the evidence is in verdict/<task>.json. */
export interface CompareOutcome {
  readonly verdict: Verdict;
  /** The verdict in words; says "synthetic" if the data are. */
  readonly said: string;
  /** The task's main score, reproduced and published; missing in histories of earlier versions. */
  readonly scores?: readonly string[];
  readonly evaluation: EvaluationVerdict;
  /** How the reproduced predictions compare with the published ones, in a sentence. */
  readonly inference: string;
  /** Set if the task must be inferred with other settings before its verdict is final. */
  readonly undecided?: boolean;
}

/** For activities that need only the run's folders. */
export const FoldersInput = z.object({ folders: RunFolders });
export type FoldersInput = z.infer<typeof FoldersInput>;

/** A model and the settings of a prediction; paths are absolute. */
export const PredictionOrder = z.object({
  task: TaskName,
  model: z.string().min(1),
  labels: z.string().min(1).exactOptional(),
  folds: z.array(FoldName).min(1).exactOptional(),
  mirroring: z.boolean().exactOptional(),
  out: z.string().min(1),
  session: z.object({
    provider: z.enum(['auto', ...PROVIDERS]),
    threads: z.int().min(1).exactOptional(),
    engine: z.enum(ENGINES).exactOptional(),
  }),
  choices: z.object({
    mpp: z.number().positive().exactOptional(),
    level: z.int().min(0).exactOptional(),
    everywhere: z.boolean().exactOptional(),
    regions: z.string().min(1).exactOptional(),
    resample: z.boolean(),
    maxValue: z.int().min(1).exactOptional(),
    simplify: z.number().min(0),
    minArea: z.number().min(0),
    confidence: z.number().min(0).max(1).exactOptional(),
    iou: z.number().min(0).max(1).exactOptional(),
    imgsz: z.int().min(32).exactOptional(),
    fit: z.enum(['tiles', 'letterbox']).exactOptional(),
    overlap: z.int().min(0).exactOptional(),
  }),
});
export type PredictionOrder = z.infer<typeof PredictionOrder>;

/** The list of images: a folder below the state directory's runs, with one file per batch. */
export const ImageList = z.object({
  folder: z.string().min(1),
  batches: z.int().min(1),
  total: z.int().min(1),
});
export type ImageList = z.infer<typeof ImageList>;

/** Input of `predictImages`. */
export const PredictImagesInput = z.object({
  order: PredictionOrder,
  list: ImageList,
  temporal: RunConfig.shape.temporal,
});
export type PredictImagesInput = z.infer<typeof PredictImagesInput>;

export const NamedImage = z.object({
  path: z.string().min(1),
  name: z.string().min(1),
  channels: z
    .array(z.string().min(1))
    .readonly()
    .exactOptional()
    .describe('Files of its channels; `path` is the first'),
  slide: z.literal(true).exactOptional().describe('Whether the image is a slide, which several workers may share'),
});
export type NamedImage = z.infer<typeof NamedImage>;

export const ReadImagesInput = z.object({ list: ImageList, batch: z.int().min(0) });
export type ReadImagesInput = z.infer<typeof ReadImagesInput>;

/** Tile rows of a slide; `end` is exclusive. */
export const Strip = z.object({ first: z.int().min(0), end: z.int().min(1) });
export type Strip = z.infer<typeof Strip>;

export const PredictImageInput = z.object({
  order: PredictionOrder,
  list: ImageList,
  image: NamedImage,
  strips: z.array(Strip).exactOptional().describe('Strips of the slide that are in the cache'),
});
export type PredictImageInput = z.infer<typeof PredictImageInput>;

export const PredictStripInput = PredictImageInput.omit({ strips: true }).extend({ strip: Strip });
export type PredictStripInput = z.infer<typeof PredictStripInput>;

export const WritePredictionInput = z.object({ order: PredictionOrder, list: ImageList });
export type WritePredictionInput = z.infer<typeof WritePredictionInput>;
