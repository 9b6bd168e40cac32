import { z } from 'zod';
import { InferenceConfig, RunConfig, TaskName } from '../config/schema.ts';
import { TaskSettings } from '../config/task-config.ts';
import { CELL_TASKS } from '../config/tasks.ts';
import { VerdictConfig } from '../config/verdict-config.ts';
import { ZenodoConfig } from '../config/zenodo-config.ts';
import { KINDS } from '../toolkit/dataset/layout.ts';
import type { Verdict } from '../toolkit/verdict/verdict.ts';
import type { EvaluationVerdict } from '../toolkit/verdict/verdict-file.ts';

/** The folders of a run, absolute; every other path in a history is relative to one of them or to the home. */
export const RunFolders = z.object({
  data: z.string().min(1),
  results: z.string().min(1),
  generation: z
    .string()
    .min(1)
    .optional()
    .describe('Part of the cache that a fresh run, and those that go on from it, have to themselves'),
});
export type RunFolders = z.infer<typeof RunFolders>;

/** An ROI that somebody left out of a run. */
export const SkippedRoi = z.object({
  task: TaskName,
  roi: z.string().min(1).describe("Stem of the ROI's file in inference/"),
  reason: z.string().min(1),
});
export type SkippedRoi = z.infer<typeof SkippedRoi>;

/** What `reproduce` is started with. */
export const RunInput = z.object({
  config: RunConfig,
  digest: z.string().regex(/^[0-9a-f]{16}$/),
  folders: RunFolders,
  searchable: z.boolean().exactOptional().describe('Whether the server knows the search attributes of reignite'),
});
export type RunInput = z.infer<typeof RunInput>;

export type { RunIntervention } from '../toolkit/report/summary.ts';

/** What `acquire` is started with: by a run, or by `reignite download`. */
export const AcquireInput = z.object({
  config: RunConfig,
  data: z.string().min(1).describe('Absolute'),
  run: z.string().optional().describe('Workflow id of the run that waits for it'),
  whole: z.boolean().describe('All files of the record; otherwise what the tasks need'),
  only: z.array(z.string()).optional().describe('Globs of what is wanted of them'),
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
  mirrored: z.boolean().describe('Whether it lies in the mirror'),
});
export type UnpackInput = z.infer<typeof UnpackInput>;

/** Makes a task's model ready: the record's, or the one that stands in for it. */
export const ConvertModelInput = z.object({
  folders: RunFolders,
  model: z.string().min(1).optional().describe("Absolute path of a model of the user's"),
  folds: TaskSettings.shape.folds,
});
export type ConvertModelInput = z.infer<typeof ConvertModelInput>;

/** A converted network: its digest names its folder under the home's models. */
export const ModelRef = z.object({ digest: z.string().regex(/^[0-9a-f]{64}$/) });
export type ModelRef = z.infer<typeof ModelRef>;

export const ProbeInput = z.object({ task: TaskName, model: ModelRef, inference: InferenceConfig });
export type ProbeInput = z.infer<typeof ProbeInput>;

/** What a network ran on: part of every key, since another engine may round otherwise. */
export const EngineRef = z.object({ provider: z.string(), ortVersion: z.string(), engine: z.string() });
export type EngineRef = z.infer<typeof EngineRef>;

/** A stage's files under the home: RUNS/<digest>/<execution>/<task>. */
export const StageRef = z.object({ folder: z.string().min(1) });
export type StageRef = z.infer<typeof StageRef>;

/** What the steps of a stage share. */
const StageStep = z.object({ folders: RunFolders, stage: StageRef, model: ModelRef, engine: EngineRef });
const CellTaskName = z.enum(CELL_TASKS);

export const ConvertDetectorInput = ConvertModelInput.extend({ task: CellTaskName });
export type ConvertDetectorInput = z.infer<typeof ConvertDetectorInput>;

export const PlanHeInput = StageStep.extend({ he: TaskSettings, pageSize: z.number().int().min(1) });
export type PlanHeInput = z.infer<typeof PlanHeInput>;

export const PlanCellsInput = StageStep.extend({ task: CellTaskName, pageSize: z.number().int().min(1) });
export type PlanCellsInput = z.infer<typeof PlanCellsInput>;

export const ReadPageInput = z.object({ stage: StageRef, page: z.number().int().nonnegative() });
export type ReadPageInput = z.infer<typeof ReadPageInput>;

/** One ROI of a plan's page. `need` says what is not in the cache. */
export const PlannedRoi = z.object({
  roi: z.string().min(1),
  image: z.string().min(1).describe('Relative to the data folder'),
  truth: z.string().min(1).describe('Relative to the data folder: the mask, or the annotations of all readers'),
  box: z
    .tuple([z.number(), z.number(), z.number(), z.number()])
    .optional()
    .describe('The annotated part of a detection image in px: left, top, right, bottom'),
  need: z.enum(['infer', 'draw']),
});
export type PlannedRoi = z.infer<typeof PlannedRoi>;

/** What inferring one ROI needs. */
const InferStep = PlannedRoi.omit({ need: true }).extend({
  folders: RunFolders,
  model: ModelRef,
  engine: EngineRef,
  inference: InferenceConfig,
});

export const SegmentRoiInput = InferStep.extend({ he: TaskSettings });
export type SegmentRoiInput = z.infer<typeof SegmentRoiInput>;

export const DetectCellsInput = InferStep.extend({ task: CellTaskName });
export type DetectCellsInput = z.infer<typeof DetectCellsInput>;

export const RoiFailure = z.object({
  roi: z.string(),
  code: z.string(),
  cause: z.string(),
  /** Where the error names a better one than its code's usual remedy. */
  remedy: z.string().optional(),
});
export type RoiFailure = z.infer<typeof RoiFailure>;

const DrawPage = StageStep.extend({ page: z.number().int().nonnegative(), failures: z.array(RoiFailure) });

export const DrawCasesInput = DrawPage.extend({ he: TaskSettings });
export type DrawCasesInput = z.infer<typeof DrawCasesInput>;

export const DrawCellsInput = DrawPage.extend({ task: CellTaskName });
export type DrawCellsInput = z.infer<typeof DrawCellsInput>;

const AggregateStep = StageStep.extend({ pages: z.number().int().nonnegative() });

export const AggregateHeInput = AggregateStep.extend({ he: TaskSettings });
export type AggregateHeInput = z.infer<typeof AggregateHeInput>;

export const AggregateCellsInput = AggregateStep.extend({ task: CellTaskName });
export type AggregateCellsInput = z.infer<typeof AggregateCellsInput>;

export const JudgeHeInput = AggregateStep.extend({ verdict: VerdictConfig });
export type JudgeHeInput = z.infer<typeof JudgeHeInput>;

export const JudgeCellsInput = AggregateStep.extend({ task: CellTaskName, verdict: VerdictConfig });
export type JudgeCellsInput = z.infer<typeof JudgeCellsInput>;

/** What the ledger needs of a stage. */
export const LedgerStage = z.object({ stage: StageRef, pages: z.number().int().nonnegative() });
export type LedgerStage = z.infer<typeof LedgerStage>;

export const WriteLedgerInput = z.object({
  folders: RunFolders,
  stages: z.partialRecord(TaskName, LedgerStage),
  scope: TaskSettings.shape.scope,
  declared: z
    .object({ reason: z.string().optional().describe('Why nuclei were not detected with the declared settings') })
    .describe('About the settings that the nuclei script declares'),
  rounded: z.boolean().describe('Whether the ROIs that another rounding moves were segmented again'),
});
export type WriteLedgerInput = z.infer<typeof WriteLedgerInput>;

export const ResegmentRoundedInput = LedgerStage.extend({
  folders: RunFolders,
  he: TaskSettings,
  inference: InferenceConfig,
});
export type ResegmentRoundedInput = z.infer<typeof ResegmentRoundedInput>;

export const RedetectNucleiInput = z.object({ folders: RunFolders, inference: InferenceConfig });
export type RedetectNucleiInput = z.infer<typeof RedetectNucleiInput>;

/** What a stage's history tells of its verdict; the evidence is in verdict/<task>.json. */
export interface JudgeOutcome {
  readonly verdict: Verdict;
  /** The verdict as people read it: with the word synthetic where the data are. */
  readonly said: string;
  readonly evaluation: EvaluationVerdict;
  /** Our predictions and the published ones, in a sentence. */
  readonly inference: string;
}

/** For steps that need nothing but the run's folders. */
export const FoldersInput = z.object({ folders: RunFolders });
export type FoldersInput = z.infer<typeof FoldersInput>;

export const DrawAgreementInput = FoldersInput.extend({ task: CellTaskName });
export type DrawAgreementInput = z.infer<typeof DrawAgreementInput>;
