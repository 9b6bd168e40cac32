import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { RunConfig } from '../../config/schema.ts';

/** Every leaf of a JSON Schema with the path that leads to it. */
function leaves(schema: unknown, path: string[] = []): [string, Record<string, unknown>][] {
  if (typeof schema !== 'object' || schema === null) return [];
  const properties = Reflect.get(schema, 'properties');
  if (typeof properties !== 'object' || properties === null) return [[path.join('.'), { ...schema }]];
  return Object.entries(properties).flatMap(([name, inner]) => leaves(inner, [...path, name]));
}

describe('RunConfig', () => {
  it('fills in all defaults; only name and record are required', () => {
    const config = RunConfig.parse({ name: 'mine', record: '15674785' });
    expect(config.tasks).toEqual(['he', 'nuclei', 'pdl1']);
    expect(config.he.scope).toBe('full');
    expect(config.inference).toEqual({
      provider: 'auto',
      engine: 'exact',
      precision: 'auto',
      batchSize: 0,
      deviceId: 0,
      threads: 0,
    });
    expect(config.temporal.heartbeatSeconds).toBe(45);
    expect(config.zenodo.api).toBe('https://zenodo.org/api');
  });

  it('rejects a first wait that is longer than the longest one, which Temporal would reject in the run', () => {
    const withWait = (retrySeconds: number) =>
      RunConfig.safeParse({ name: 'mine', record: '1', temporal: { retrySeconds } }).success;
    expect([withWait(100), withWait(101)]).toEqual([true, false]);
  });

  it('documents every field, with its default if it has one', () => {
    const fields = leaves(z.toJSONSchema(RunConfig, { io: 'input' }));
    expect(fields.length).toBeGreaterThan(12);
    for (const [path, field] of fields) {
      expect(field['description'], path).toMatch(/\w/);
      if (field['default'] !== undefined && !Array.isArray(field['default'])) {
        expect(field['description'], path).toContain(`Default: ${field['default']}`);
      }
    }
  });

  it.each([
    ['a field that does not exist', { he: { scop: 'full' } }],
    ['a scope that does not exist', { he: { scope: 'half' } }],
    ['no task', { tasks: [] }],
    ['an API that is not an address', { zenodo: { api: 'zenodo' } }],
    ['a name that would leave the results folder', { name: '../elsewhere' }],
    ['more connections than Zenodo allows', { zenodo: { connections: 3 } }],
  ])('refuses %s', (_what, fields) => {
    expect(RunConfig.safeParse({ name: 'mine', record: '1', ...fields }).success).toBe(false);
  });
});
