import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RunInput } from '../../activities/inputs.ts';
import { configDigest } from '../../config/digest.ts';
import type { RunConfig } from '../../config/schema.ts';
import { CELL_TASKS, perTask, TISSUE_TASKS } from '../../config/tasks.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { runId } from '../../workflows/ids.ts';

export interface ResolvedRun {
  readonly id: string;
  readonly input: RunInput;
}

/**
 * Fixes a run's folders, its digest and its id. Relative paths start at the current folder; the sample record lands in
 * the state directory, any other one under data/.
 *
 * @throws ReigniteError CONFIG_INVALID when a custom model is missing.
 */
export function resolveRun(
  chosen: RunConfig,
  home: HomeFolders,
  folders: { readonly data?: string | undefined; readonly results?: string | undefined },
): ResolvedRun {
  const config = withOwnModels(chosen);
  const usualData = config.zenodo.serveFrom === undefined ? `data/${folderName(config.record)}` : home.sample;
  const data = resolve(folders.data ?? usualData);
  const results = resolve(folders.results ?? `results/${config.name}`);
  const digest = configDigest(config, { data, results });
  return {
    id: runId(folderName(config.record), config.name, digest),
    input: { config, digest, folders: { data, results } },
  };
}

/** Custom models by their absolute paths: a worker may have another current folder. */
function withOwnModels(config: RunConfig): RunConfig {
  return {
    ...config,
    ...perTask(TISSUE_TASKS, (task) => ({ ...config[task], ...customModel(task, config[task].model) })),
    ...perTask(CELL_TASKS, (task) => ({ ...config[task], ...customModel(task, config[task].model) })),
  };
}

function customModel(task: string, path: string | undefined): { readonly model?: string } {
  if (path === undefined) return {};
  const model = resolve(path);
  if (existsSync(model)) return { model };
  throw new ReigniteError('CONFIG_INVALID', `${task}.model: ${model} does not exist.`, {
    remedy: "Name the model to use in place of the record's, or remove the field.",
  });
}

/** The record's number where it has one: a DOI or URL is not a name for a folder. */
function folderName(record: string): string {
  return /(\d+)\/?$/.exec(record)?.[1] ?? record.replaceAll(/[^A-Za-z0-9._-]+/g, '-');
}
