import { z } from 'zod';
import { HeConfig, InferenceConfig, RunConfig, TaskName } from '../config/schema.js';
import { VerdictConfig } from '../config/verdict-config.js';
import { ZenodoConfig } from '../config/zenodo-config.js';
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
/** An ROI that somebody left out of a run. */
export const SkippedRoi = z.object({
    task: TaskName,
    roi: z.string().min(1).describe("Stem of the ROI's file in inference/"),
    reason: z.string().min(1),
});
/** What `reproduce` is started with. */
export const RunInput = z.object({
    config: RunConfig,
    digest: z.string().regex(/^[0-9a-f]{16}$/),
    folders: RunFolders,
    searchable: z.boolean().exactOptional().describe('Whether the server knows the search attributes of reignite'),
});
/** What `acquire` is started with: by a run, or by `reignite download`. */
export const AcquireInput = z.object({
    config: RunConfig,
    data: z.string().min(1).describe('Absolute'),
    run: z.string().optional().describe('Workflow id of the run that waits for it'),
    whole: z.boolean().describe('All files of the record; otherwise what the tasks need'),
    only: z.array(z.string()).optional().describe('Globs of what is wanted of them'),
});
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
export const RecordFile = z.object({
    key: z.string().min(1),
    size: z.number().int().nonnegative(),
    md5: z.string().regex(/^[0-9a-f]{32}$/),
    url: z.string().min(1),
    part: z.boolean().describe('Whether only those members of the archive are wanted that the globs name'),
});
export const FileInput = z.object({
    data: z.string(),
    record: z.string(),
    file: RecordFile,
    zenodo: ZenodoConfig,
    only: z.array(z.string()).optional(),
    retrySeconds: z.number(),
});
export const UnpackInput = FileInput.extend({
    sha256: z.string().describe('Of the archive, as it was fetched'),
    mirrored: z.boolean().describe('Whether it lies in the mirror'),
});
/** Makes a task's model ready: the record's, or the one that stands in for it. */
export const ConvertModelInput = z.object({
    folders: RunFolders,
    model: z.string().min(1).optional().describe("Absolute path of a model of the user's"),
});
/** A converted network: its digest names its folder under the home's models. */
export const ModelRef = z.object({ digest: z.string().regex(/^[0-9a-f]{64}$/) });
export const ProbeInput = z.object({ task: TaskName, model: ModelRef, inference: InferenceConfig });
/** What a network ran on: part of every key, since another engine may round otherwise. */
export const EngineRef = z.object({ provider: z.string(), ortVersion: z.string(), engine: z.string() });
/** A stage's files under the home: RUNS/<digest>/<execution>/<task>. */
export const StageRef = z.object({ folder: z.string().min(1) });
/** What the steps of a stage share. */
const StageStep = z.object({ folders: RunFolders, stage: StageRef, model: ModelRef, engine: EngineRef });
const CellTaskName = TaskName.exclude(['he']);
export const ConvertDetectorInput = ConvertModelInput.extend({ task: CellTaskName });
export const PlanHeInput = StageStep.extend({ he: HeConfig, pageSize: z.number().int().min(1) });
export const PlanCellsInput = StageStep.extend({ task: CellTaskName, pageSize: z.number().int().min(1) });
export const ReadPageInput = z.object({ stage: StageRef, page: z.number().int().nonnegative() });
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
/** What inferring one ROI needs. */
const InferStep = PlannedRoi.omit({ need: true }).extend({
    folders: RunFolders,
    model: ModelRef,
    engine: EngineRef,
    inference: InferenceConfig,
});
export const SegmentRoiInput = InferStep.extend({ he: HeConfig });
export const DetectCellsInput = InferStep.extend({ task: CellTaskName });
export const RoiFailure = z.object({
    roi: z.string(),
    code: z.string(),
    cause: z.string(),
    /** Where the error names a better one than its code's usual remedy. */
    remedy: z.string().optional(),
});
const DrawPage = StageStep.extend({ page: z.number().int().nonnegative(), failures: z.array(RoiFailure) });
export const DrawCasesInput = DrawPage.extend({ he: HeConfig });
export const DrawCellsInput = DrawPage.extend({ task: CellTaskName });
const AggregateStep = StageStep.extend({ pages: z.number().int().nonnegative() });
export const AggregateHeInput = AggregateStep.extend({ he: HeConfig });
export const AggregateCellsInput = AggregateStep.extend({ task: CellTaskName });
export const JudgeHeInput = AggregateStep.extend({ verdict: VerdictConfig });
export const JudgeCellsInput = AggregateStep.extend({ task: CellTaskName, verdict: VerdictConfig });
/** What the ledger needs of a stage. */
export const LedgerStage = z.object({ stage: StageRef, pages: z.number().int().nonnegative() });
export const WriteLedgerInput = z.object({
    folders: RunFolders,
    stages: z.partialRecord(TaskName, LedgerStage),
    scope: HeConfig.shape.scope,
    declared: z
        .object({ reason: z.string().optional().describe('Why nuclei were not detected with the declared settings') })
        .describe('About the settings that the nuclei script declares'),
    rounded: z.boolean().describe('Whether the ROIs that another rounding moves were segmented again'),
});
export const ResegmentRoundedInput = LedgerStage.extend({
    folders: RunFolders,
    he: HeConfig,
    inference: InferenceConfig,
});
export const RedetectNucleiInput = z.object({ folders: RunFolders, inference: InferenceConfig });
/** For steps that need nothing but the run's folders. */
export const FoldersInput = z.object({ folders: RunFolders });
export const DrawAgreementInput = FoldersInput.extend({ task: CellTaskName });
