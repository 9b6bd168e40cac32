import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { CellTask } from '../config/tasks.ts';
import { readLabelMap } from '../toolkit/dataset/label-map.ts';
import { LABEL_MAP_FILE, OVERVIEW_FILE, readersFile } from '../toolkit/dataset/layout.ts';
import { readOverview } from '../toolkit/dataset/overview.ts';
import { type ReaderAnnotations, readReaderAnnotations } from '../toolkit/dataset/readers-annotations.ts';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import { inside } from '../toolkit/files/inside.ts';
import { DetectionMetrics } from '../toolkit/metrics/agreement-metrics.ts';
import { sumOfConfusions } from '../toolkit/metrics/evaluate-he.ts';
import { cellDefinition } from '../toolkit/tasks/registry.ts';
import {
  boxCentreEntry,
  categoryIdsEntry,
  declaredSettingsEntry,
  type Metrics,
  overflowEntry,
  tieOrderEntry,
  timeLimitEntry,
} from '../toolkit/verdict/ledger/cells-entries.ts';
import { type LedgerEntry, LedgerFile } from '../toolkit/verdict/ledger/ledger-file.ts';
import {
  duplicateImagesEntry,
  installEntry,
  missingFilesEntry,
  sharedPatientsEntry,
  sizesEntry,
} from '../toolkit/verdict/ledger/record-entries.ts';
import {
  backgroundEntry,
  labelNameEntry,
  roundingEntry,
  strayEntry,
  unannotatedEntry,
} from '../toolkit/verdict/ledger/tissue-entries.ts';
import { CellsVerdictFile } from '../toolkit/verdict/verdict-file.ts';
import { withHeartbeat } from './heartbeat.ts';
import { WriteLedgerInput } from './inputs.ts';
import { declaredNuclei, pointsOfBoth } from './ledger-cells.ts';
import { hashImages, rowsWithFiles } from './ledger-record.ts';
import { roundedAgain, tissueRois } from './ledger-tissue.ts';
import type { PlanServices } from './plan-stage.ts';

const CELL_TASKS = ['nuclei', 'pdl1'] as const satisfies readonly CellTask[];

/** Measures what the authors' code and record do otherwise than one would expect, and writes verdict/ledger.json. */
export function createWriteLedger(services: PlanServices) {
  return async function writeLedger(input: WriteLedgerInput): Promise<{ entries: number; affecting: string[] }> {
    const step = WriteLedgerInput.parse(input);
    return withHeartbeat({ phase: 'measuring' }, async (report) => {
      const entries = [
        ...(await tissueEntries(step, services)),
        ...(await cellsEntries(step)),
        ...(await recordEntries(step, services, report)),
      ];
      const file = LedgerFile.parse({ schema: 1, entries });
      await writeFileAtomic(join(step.folders.results, 'verdict', 'ledger.json'), `${JSON.stringify(file, null, 1)}\n`);
      const affecting = entries.filter(({ status }) => status.startsWith('affects')).map(({ id }) => id);
      return { entries: entries.length, affecting };
    });
  };
}

async function tissueEntries(step: WriteLedgerInput, services: PlanServices): Promise<LedgerEntry[]> {
  const { he } = step.stages;
  if (he === undefined) return [];
  const { rois, patch } = await tissueRois(he, services);
  const total = sumOfConfusions(rois.map(({ confusion }) => confusion));
  const map = await readLabelMap(inside(step.folders.data, LABEL_MAP_FILE)).catch(() => undefined);
  return [
    backgroundEntry(total),
    unannotatedEntry(total),
    strayEntry(rois, step.scope),
    labelNameEntry(map),
    roundingEntry(rois, patch, step.rounded ? await roundedAgain(step.folders.results, rois) : undefined),
  ];
}

async function cellsEntries(step: WriteLedgerInput): Promise<LedgerEntry[]> {
  const { folders, stages } = step;
  const tasks = CELL_TASKS.filter((task) => stages[task] !== undefined);
  if (tasks.length === 0) return [];
  const metrics: Metrics = {};
  const moved: Partial<Record<CellTask, number>> = {};
  for (const task of tasks) {
    metrics[task] = DetectionMetrics.parse(await readJson(join(folders.results, 'metrics', `${task}.json`)));
    moved[task] = await movedBoxes(folders.data, task);
  }
  const verdicts = await Promise.all(
    tasks.map(async (task) => CellsVerdictFile.parse(await readJson(join(folders.results, 'verdict', `${task}.json`)))),
  );
  const images = (await Promise.all(tasks.map((task) => pointsOfBoth(folders, task)))).flat();
  return [
    ...(stages.nuclei === undefined ? [] : [declaredSettingsEntry(await declaredNuclei(folders, step.declared))]),
    boxCentreEntry(metrics, moved),
    ...(stages.pdl1 === undefined ? [] : categoryIdsEntry(await annotationsOf(folders.data, 'pdl1'))),
    overflowEntry(metrics),
    tieOrderEntry(verdicts),
    timeLimitEntry(images, cellDefinition('pdl1').settings.tile),
  ];
}

async function recordEntries(
  { folders }: WriteLedgerInput,
  services: PlanServices,
  report: (progress: object) => void,
): Promise<LedgerEntry[]> {
  const rows = await readOverview(inside(folders.data, OVERVIEW_FILE));
  const withFiles = await rowsWithFiles(folders.data, rows);
  const images = await hashImages(folders.data, services.digests, (done, of) => {
    Context.current().cancellationSignal.throwIfAborted();
    report({ phase: 'looking for duplicates', done, of });
  });
  return [
    missingFilesEntry(withFiles),
    sharedPatientsEntry(rows),
    duplicateImagesEntry(images, rows),
    sizesEntry(withFiles),
    installEntry(),
  ];
}

function annotationsOf(data: string, task: CellTask): Promise<ReaderAnnotations> {
  return readReaderAnnotations(inside(data, readersFile(task)), task);
}

/** Points of readers that the first box's offset puts elsewhere than the box's own. */
async function movedBoxes(data: string, task: CellTask): Promise<number> {
  const path = inside(data, readersFile(task));
  const [first, own] = [await readReaderAnnotations(path, task), await readReaderAnnotations(path, task, 'own')];
  let moved = 0;
  for (const [reader, images] of first.points) {
    for (const [image, points] of images) {
      const others = own.points.get(reader)?.get(image) ?? [];
      moved += points.filter(({ x, y }, k) => x !== others[k]?.x || y !== others[k]?.y).length;
    }
  }
  return moved;
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}
