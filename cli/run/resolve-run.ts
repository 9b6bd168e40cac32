import { resolve } from 'node:path';
import type { RunInput } from '../../activities/inputs.ts';
import { configDigest } from '../../config/digest.ts';
import type { RunConfig } from '../../config/schema.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { runId } from '../../workflows/ids.ts';

export interface ResolvedRun {
  readonly id: string;
  readonly input: RunInput;
}

/**
 * Fixes a run's folders, its digest and its id. Relative paths start at the current folder; the sample record lands in
 * the home, any other one under data/.
 */
export function resolveRun(
  config: RunConfig,
  home: HomeFolders,
  folders: { readonly data?: string | undefined; readonly results?: string | undefined },
): ResolvedRun {
  const usualData = config.zenodo.serve === undefined ? `data/${folderName(config.record)}` : home.sample;
  const data = resolve(folders.data ?? usualData);
  const results = resolve(folders.results ?? `results/${config.name}`);
  const digest = configDigest(config, { data, results });
  return {
    id: runId(folderName(config.record), config.name, digest),
    input: { config, digest, folders: { data, results } },
  };
}

/** The record's number where it has one: a DOI or URL is no name for a folder. */
function folderName(record: string): string {
  return /(\d+)\/?$/.exec(record)?.[1] ?? record.replaceAll(/[^A-Za-z0-9._-]+/g, '-');
}
