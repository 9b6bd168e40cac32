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
 * Resolves a run's folders, digest and ID. Relative paths are relative to the current folder. By default, the sample
 * record is in the state directory, other records are in data/.
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

/** Makes paths of custom models absolute: a worker may have a different current folder. */
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

/** Returns a folder name: the number in a record's DOI or URL, or the text with unusual characters replaced. */
function folderName(record: string): string {
  return /(\d+)\/?$/.exec(record)?.[1] ?? record.replaceAll(/[^A-Za-z0-9._-]+/g, '-');
}
