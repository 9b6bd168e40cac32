import { basename, isAbsolute } from 'node:path';
import { parse, stringify } from 'yaml';
import { RunConfig } from '../../config/schema.ts';
import { shippedProfile } from '../../config/shipped-profiles.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { readTextIfThere } from '../files/file-access.ts';
import { shellWord } from '../format.ts';
import { RESULTS } from '../results/results-folder.ts';

/**
 * Writes the configuration of a run to its results folder. Absolute paths, which may contain user names, are shortened
 * to their last part.
 */
export async function writeConfiguration(results: string, config: RunConfig): Promise<void> {
  const head = `# The effective configuration of this run: \`npx reignite run --profile ${RESULTS.configuration.path}\`.\n# Absolute paths are shortened to their last part: replace PATH with your folder.\n`;
  await writeFileAtomic(RESULTS.configuration.in(results), head + stringify(withoutFolders(config)));
}

/** Reads the configuration of a run; undefined if there is no valid one. */
export async function readConfiguration(results: string): Promise<RunConfig | undefined> {
  const text = await readTextIfThere(RESULTS.configuration.in(results));
  if (text === undefined) return undefined;
  const parsed = RunConfig.safeParse(parse(text));
  return parsed.success ? parsed.data : undefined;
}

/**
 * Returns the command that repeats a run. Options for scheduling, telemetry and downloads are left out, since they do
 * not change results.
 */
export function commandOf(profile: string, config: RunConfig | undefined): string {
  if (config === undefined) return `npx reignite run --profile ${profile}`;
  const shipped = shippedProfile(profile);
  if (shipped === undefined) return `npx reignite run --profile ${RESULTS.configuration.path}`;
  const settings = differences(comparable(shipped), comparable(config)).map(
    ([field, value]) => ` \\\n  --set ${shellWord(`${field}=${value}`)}`,
  );
  return `npx reignite run --profile ${profile}${settings.join('')}`;
}

function comparable({ temporal: _scheduled, telemetry: _watched, zenodo, ...config }: RunConfig): object {
  const { api, serveFrom } = zenodo;
  return { ...config, zenodo: serveFrom === undefined ? { api } : { api, serveFrom } };
}

/** Returns the fields of `usual`, nested ones included, that differ in `actual`, with the values of `actual`. */
function differences(usual: object, actual: object, prefix = ''): [string, string][] {
  const values = new Map<string, unknown>(Object.entries(actual));
  const named = new Set([...Object.keys(usual), ...(prefix === '' ? [] : Object.keys(actual))]);
  return [...named].flatMap((name): [string, string][] => {
    const [before, after] = [new Map<string, unknown>(Object.entries(usual)).get(name), values.get(name)];
    if (isFields(before) && isFields(after)) return differences(before, after, `${prefix}${name}.`);
    if (after === undefined || JSON.stringify(before) === JSON.stringify(after)) return [];
    return [[`${prefix}${name}`, typeof after === 'string' ? after : JSON.stringify(after)]];
  });
}

function isFields(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutFolders(value: unknown): unknown {
  if (typeof value === 'string') return isAbsolute(value) ? `PATH/${basename(value)}` : value;
  if (!isFields(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutFolders(inner)]));
}
