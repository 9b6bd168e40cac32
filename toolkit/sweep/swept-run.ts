import { TaskSettings } from '../../config/task-config.ts';
import { type CellTask, TASK_TITLES } from '../../config/tasks.ts';
import type { FileDigests } from '../cache/file-digests.ts';
import type { StepCache } from '../cache/step-cache.ts';
import { readersFileIn } from '../dataset/layout.ts';
import { readReaderAnnotations } from '../dataset/readers-annotations.ts';
import { ReigniteError } from '../errors.ts';
import { fileExists } from '../files/file-access.ts';
import { inside } from '../files/folders.ts';
import { readConfiguration } from '../report/configuration.ts';
import type { Summary } from '../report/summary.ts';
import { RESULTS } from '../results/results-folder.ts';
import { keptBoxes } from '../tasks/cells/detection.ts';
import { cellDefinition, type DetectionSettings, settingsInEffect } from '../tasks/registry.ts';
import { taskNamed } from '../tasks/task-named.ts';
import type { ListedRoi, NetworkSetup } from '../tasks/work.ts';
import { CellsVerdictFile } from '../verdict/verdict-file.ts';
import { keptScore } from '../yolo/detect/detection-files.ts';
import { type CellSweep, keptCells, type ScoredCell, sweepCells, thresholdsBy } from './sweep-cells.ts';

/** A finished run, and the cache with the boxes of its detector. */
export interface SweptRun {
  readonly task: CellTask;
  /** Absolute. */
  readonly results: string;
  /** Absolute. */
  readonly data: string;
  readonly summary: Summary;
  /** Cache in the namespace of the run. */
  readonly cache: StepCache;
  readonly digests: FileDigests;
  readonly signal: AbortSignal;
}

/** Remedy if the record of a run is not found. */
export const NAME_DATA = 'Name the folder of its record with `--data DIR`.';

/** A sweep with the run that it was computed from. */
export interface RunSweep extends CellSweep {
  readonly task: CellTask;
  readonly run: string;
  /** Settings of the run, of which only the confidence threshold varies. */
  readonly settings: DetectionSettings;
  /** Confidence threshold in the authors' code. */
  readonly paper: number;
  /** Number of scored images. */
  readonly images: number;
  /** Stems of images without a prediction. */
  readonly leftOut: readonly string[];
}

/**
 * Scores a finished run at every confidence threshold, from the cached boxes of its detector.
 *
 * @param step - Distance of two thresholds.
 * @throws ReigniteError USAGE when the run has no result of the task; FILE_MISSING when the record is missing, or the
 *   cache no longer has the boxes.
 */
export async function sweepRun(run: SweptRun, step: number): Promise<RunSweep> {
  const { task, results, data, summary, signal } = run;
  const of = summary.tasks[task];
  if (of === undefined) {
    throw new ReigniteError('USAGE', `The run ${summary.run} has no result of ${TASK_TITLES[task]}.`, {
      remedy: `Name a run that has it, or run the same \`npx reignite run\` with \`--tasks ${task}\`.`,
    });
  }
  const definition = cellDefinition(task);
  const chosen = TaskSettings.parse((await readConfiguration(results))?.[task] ?? {});
  const settings = settingsInEffect(definition, chosen);
  const readers = inside(data, await readersFileIn(data, task));
  if (!(await fileExists(readers))) {
    throw new ReigniteError('FILE_MISSING', `${readers} is missing.`, { remedy: NAME_DATA });
  }
  const setup = { ...(await engineOf(results, task)), settings: chosen };
  const annotations = await readReaderAnnotations(readers, task);
  const failed = new Set(of.failures.map(({ roi }) => roi));
  const cells = new Map<string, readonly ScoredCell[]>();
  for (const roi of await taskNamed(task).listRois(data)) {
    signal.throwIfAborted();
    if (!failed.has(roi.roi)) cells.set(roi.roi, await cellsOf(run, roi, setup, settings));
  }
  const known = { ...annotations, images: annotations.images.filter(({ stem }) => cells.has(stem)) };
  const paper = definition.settings.confidence;
  const floor = keptScore(settings.confidence);
  const thresholds = thresholdsBy(step, floor, paper, settings.confidence);
  const sweep = await sweepCells({ annotations: known, cells: (stem) => cells.get(stem) ?? [], thresholds, signal });
  const leftOut = annotations.images.map(({ stem }) => stem).filter((stem) => !cells.has(stem));
  return { task, run: summary.run, settings, paper, images: known.images.length, leftOut, ...sweep };
}

/** Selects the points of an ROI at the lowest threshold. */
async function cellsOf(
  { data, cache, digests, summary, signal }: SweptRun,
  { roi, image, box }: ListedRoi,
  setup: NetworkSetup,
  settings: DetectionSettings,
): Promise<readonly ScoredCell[]> {
  const imageSha256 = await digests.sha256(inside(data, image), signal);
  const boxes = await keptBoxes(cache, imageSha256, setup, settings);
  if (boxes === undefined) {
    throw new ReigniteError('FILE_MISSING', `The boxes of ROI ${roi} of ${summary.run} are not in this cache.`, {
      remedy:
        'Set REIGNITE_HOME to the state directory of the run, or run the same `npx reignite run` again in this one: missing images are detected again. Images that changed since the run count as missing.',
    });
  }
  return keptCells(boxes, settings.iou, box);
}

async function engineOf(results: string, task: CellTask): Promise<Omit<NetworkSetup, 'settings'>> {
  const verdict = await RESULTS.verdict.readIfThere(results, task);
  const engine = verdict === undefined ? undefined : CellsVerdictFile.parse(verdict).engine;
  if (engine !== undefined) return { model: { digest: engine.model }, engine };
  throw new ReigniteError(
    'FILE_MISSING',
    `${RESULTS.verdict.in(results, task)} does not say which network the run used.`,
    {
      remedy: 'Run the same `npx reignite run` again, then sweep.',
    },
  );
}
