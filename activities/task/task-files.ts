import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { fileExists } from '../../toolkit/files/file-access.ts';
import { type HomeFolders, inside } from '../../toolkit/files/folders.ts';
import type { RunStorage } from '../../toolkit/storage/run-storage.ts';
import type { StoredStages } from '../../toolkit/storage/stored-files.ts';
import { OutstandingRoi, PlannedRoi, ReadBatchInput, RoiFailure, type StageRef } from '../inputs.ts';

/** The test set of a task, in the order of the results. */
const TaskPlan = z.object({ rois: z.array(PlannedRoi) });
export type TaskPlan = z.infer<typeof TaskPlan>;

/**
 * The files of a task in the state directory: its plan, the batches of outstanding ROIs, and the failures, one file per
 * batch.
 */
export class TaskFiles {
  readonly #folder: string;
  readonly #stage: StageRef;
  readonly #stored: StoredStages | undefined;

  /** @param storage - Receives the files too, for workers that do not share the state directory. */
  constructor(home: HomeFolders, stage: StageRef, storage?: Pick<RunStorage, 'stages'>) {
    this.#folder = inside(home.runs, stage.folder);
    this.#stage = stage;
    this.#stored = storage?.stages;
  }

  async writePlan(plan: TaskPlan): Promise<void> {
    await this.#write('plan.json', plan);
  }

  async readPlan(): Promise<TaskPlan> {
    return TaskPlan.parse(await this.#read('plan.json'));
  }

  async writeBatch(batch: number, rois: readonly OutstandingRoi[]): Promise<void> {
    await this.#write(fileName('batch', batch), rois);
  }

  async readBatch(batch: number): Promise<OutstandingRoi[]> {
    return z.array(OutstandingRoi).parse(await this.#read(fileName('batch', batch)));
  }

  async writeFailures(batch: number, failures: readonly RoiFailure[]): Promise<void> {
    await this.#write(fileName('failed', batch), failures);
  }

  /** Reads the failures of all batches, in the order of the plan. */
  async readFailures(batches: number): Promise<RoiFailure[]> {
    const numbers = Array.from({ length: batches }, (_, batch) => batch);
    const lists = await Promise.all(numbers.map((batch) => this.#read(fileName('failed', batch))));
    return lists.flatMap((list) => z.array(RoiFailure).parse(list));
  }

  /** Returns the ROIs of the plan that have a prediction. */
  async readDone(batches: number): Promise<readonly PlannedRoi[]> {
    const failed = new Set((await this.readFailures(batches)).map(({ roi }) => roi));
    return (await this.readPlan()).rois.filter(({ roi }) => !failed.has(roi));
  }

  async #write(name: string, value: unknown): Promise<void> {
    const text = JSON.stringify(value);
    await writeFileAtomic(join(this.#folder, name), text);
    await this.#stored?.write(this.#stage.folder, name, text);
  }

  async #read(name: string): Promise<unknown> {
    const path = join(this.#folder, name);
    const isElsewhere = this.#stored !== undefined && !(await fileExists(path));
    const stored = isElsewhere ? await this.#stored?.read(this.#stage.folder, name) : undefined;
    return JSON.parse(stored ?? (await readFile(path, 'utf8')));
  }
}

function fileName(kind: string, batch: number): string {
  return `${kind}-${String(batch).padStart(5, '0')}.json`;
}

/** Reads the ROIs of one batch of a plan. A local activity, because users need not see it. */
export function createReadBatch(home: HomeFolders) {
  return async function readBatch(input: ReadBatchInput): Promise<OutstandingRoi[]> {
    const { stage, batch } = ReadBatchInput.parse(input);
    return new TaskFiles(home, stage).readBatch(batch);
  };
}
