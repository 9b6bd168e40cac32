import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { make } from '../../toolkit/cache/make.ts';
import { folderOf } from '../../toolkit/dataset/layout.ts';
import { sha256Of } from '../../toolkit/files/hash-file.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { DrawFiguresInput } from '../inputs.ts';
import { type WorkerServices, workOf } from './work-of.ts';

/** Raised whenever the same metrics would be drawn otherwise. */
const SCHEMA = 1;

export interface DrawnFigures {
  readonly files: readonly string[];
  readonly cached: boolean;
}

/** Puts the figures over all ROIs of a task in their place: the cached ones of these very metrics, or new ones. */
export function createDrawFigures(services: WorkerServices) {
  return async function drawFigures(input: DrawFiguresInput): Promise<DrawnFigures> {
    const { task, folders } = DrawFiguresInput.parse(input);
    return withHeartbeat({ phase: 'drawing' }, async (report) => {
      const work = workOf(services, folders, report);
      const metrics = await readFile(join(folders.results, 'metrics', `${task}.json`), 'utf8');
      const parts = { step: 'draw-figures', schema: SCHEMA, task, metrics: sha256Of(metrics) };
      const { entry, isCached } = await make(work, parts, async (folder) => {
        const paths = await taskNamed(task).drawFigures(JSON.parse(metrics), folder, work.signal);
        return { files: Object.fromEntries(paths.map((path) => [basename(path), path])), facts: {} };
      });
      const target = join(folders.results, folderOf('figures', task));
      const files = Object.keys(entry.files);
      for (const name of files) await work.cache.restore(entry.key, name, join(target, name));
      return { files, cached: isCached };
    });
  };
}
