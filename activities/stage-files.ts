import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { inside } from '../toolkit/files/inside.ts';
import { PlannedRoi, RoiFailure, type StageRef } from './inputs.ts';

const StagePlan = z.object({
  rois: z.array(z.object({ roi: z.string(), key: z.string().optional() })),
});
export type StagePlan = z.infer<typeof StagePlan>;

/** The files of a stage in the home: its plan, the pages of what is outstanding, and what failed, a file a page. */
export class StageFiles {
  readonly #folder: string;

  constructor(home: HomeFolders, stage: StageRef) {
    this.#folder = inside(home.runs, stage.folder);
  }

  async writePlan(plan: StagePlan): Promise<void> {
    await this.#write('plan.json', plan);
  }

  async readPlan(): Promise<StagePlan> {
    return StagePlan.parse(await this.#read('plan.json'));
  }

  async writePage(page: number, rois: readonly PlannedRoi[]): Promise<void> {
    await this.#write(pageName('page', page), rois);
  }

  async readPage(page: number): Promise<PlannedRoi[]> {
    return z.array(PlannedRoi).parse(await this.#read(pageName('page', page)));
  }

  async writeFailures(page: number, failures: readonly RoiFailure[]): Promise<void> {
    await this.#write(pageName('failed', page), failures);
  }

  /** The failures of all pages, in the order of the plan. */
  async readFailures(pages: number): Promise<RoiFailure[]> {
    const lists = await Promise.all(Array.from({ length: pages }, (_, page) => this.#read(pageName('failed', page))));
    return lists.flatMap((list) => z.array(RoiFailure).parse(list));
  }

  async #write(name: string, value: unknown): Promise<void> {
    await writeFileAtomic(join(this.#folder, name), JSON.stringify(value));
  }

  async #read(name: string): Promise<unknown> {
    return JSON.parse(await readFile(join(this.#folder, name), 'utf8'));
  }
}

function pageName(kind: string, page: number): string {
  return `${kind}-${String(page).padStart(5, '0')}.json`;
}
