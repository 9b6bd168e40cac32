import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import { RunConfig } from '../config/schema.ts';
import { SHIPPED_PROFILES, shippedPath } from '../config/shipped-profiles.ts';
import { didYouMean, renamedFields } from '../config/wrong-values.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { listed } from '../toolkit/format.ts';

export interface ConfigChoice {
  /** `sample`, `paper`, or the path of a YAML file. */
  readonly profile: string;
  /** `a.b=value`, applied in order; values are YAML. */
  readonly set: readonly string[];
  readonly tasks?: readonly string[];
}

/**
 * Reads a profile, applies `--set` and `--task`, and validates the result.
 *
 * @throws ReigniteError CONFIG_INVALID that names each wrong field, its value and what is allowed; USAGE for a `--set`
 *   without `=`.
 * @example
 * const config = await loadConfig({ profile: 'paper', set: ['he.scope=annotated'], tasks: ['he'] });
 */
export async function loadConfig({ profile, set, tasks }: ConfigChoice): Promise<RunConfig> {
  const path = shippedPath(profile) ?? resolve(profile);
  const fields = await readProfile(path, profile);
  for (const assignment of set) assign(fields, assignment);
  if (tasks !== undefined) fields['tasks'] = [...tasks];
  assertNoRenamedFields(fields);
  const checked = RunConfig.safeParse(fields);
  if (checked.success) return checked.data;
  throw new ReigniteError('CONFIG_INVALID', describeIssues(checked.error.issues, fields));
}

/** @throws ReigniteError CONFIG_INVALID that gives the new name of every renamed field. */
function assertNoRenamedFields(fields: Record<string, unknown>): void {
  const renamed = renamedFields(fields);
  if (renamed.length === 0) return;
  throw new ReigniteError(
    'CONFIG_INVALID',
    `${listed(renamed.map(([name]) => name))} ${renamed.length === 1 ? 'was' : 'were'} renamed.`,
    { remedy: `${renamed.map(([name, now]) => `Write ${now} instead of ${name}.`).join(' ')}` },
  );
}

async function readProfile(path: string, profile: string): Promise<Record<string, unknown>> {
  if (!existsSync(path)) {
    throw new ReigniteError('CONFIG_INVALID', `Unknown profile ${profile}.${didYouMean(profile, SHIPPED_PROFILES)}`, {
      remedy: `Choose from ${SHIPPED_PROFILES.join(', ')}, or give the path of a YAML file.`,
    });
  }
  const parsed: unknown = await readFile(path, 'utf8')
    .then((text) => parseYaml(text))
    .catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ReigniteError('CONFIG_INVALID', `The profile ${path} is not YAML: ${reason.split('\n')[0]}`, {
        cause: error,
        remedy: 'Correct the file at the place that the message names.',
      });
    });
  if (isFields(parsed)) return parsed;
  throw new ReigniteError('CONFIG_INVALID', `The profile ${path} contains no fields.`);
}

function assign(fields: Record<string, unknown>, assignment: string): void {
  const at = assignment.indexOf('=');
  if (at < 1) throw new ReigniteError('USAGE', `Expected --set a.b=value, got --set ${assignment}.`);
  const names = assignment.slice(0, at).split('.');
  const last = names.pop() ?? '';
  let place = fields;
  for (const name of names) {
    const inner = ownField(place, name) ?? {};
    if (!isFields(inner))
      throw new ReigniteError('CONFIG_INVALID', `--set ${assignment}: ${name} is not a group of fields.`);
    setField(place, name, inner);
    place = inner;
  }
  const text = assignment.slice(at + 1);
  // A record number stays text: as a number it could lose digits. All other numbers are validated by their field.
  setField(place, last, assignment.startsWith('record=') ? text : parseYaml(text));
}

/** Returns a field of the object itself: names such as `constructor` and `__proto__` come from the user. */
function ownField(fields: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** Adds a field. An assignment to `__proto__` would change the prototype instead. */
function setField(fields: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(fields, name, { value, enumerable: true, writable: true, configurable: true });
}

function describeIssues(issues: readonly z.core.$ZodIssue[], fields: Record<string, unknown>): string {
  return issues
    .map((issue) => {
      const field = issue.path.join('.') || 'the configuration';
      const value = valueAt(fields, issue.path);
      const got = value === undefined || issue.code === 'unrecognized_keys' ? '' : ` (got ${JSON.stringify(value)})`;
      return `${field}${got}: ${issue.message}`;
    })
    .join(' ');
}

function valueAt(fields: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (place, name) => (typeof place === 'object' && place !== null ? Reflect.get(place, name) : undefined),
    fields,
  );
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
