import { expect, it } from 'vitest';
import { RunConfig } from '../../../config/schema.ts';
import type { ResolvedRun } from '../../../runtime/run/resolve-run.ts';
import { withCacheNamespace } from '../../../runtime/run/start-run.ts';

const config = RunConfig.parse({ name: 'one', record: '42' });
const run: ResolvedRun = {
  id: 'reproduce/42/one/0',
  input: { config, digest: '0', folders: { data: '/d', results: '/r' } },
};
const generationOf = (resolved: ResolvedRun) => resolved.input.folders.generation;

it('continues an open fresh run, rejects an open run that is not fresh, and starts another after it has closed', () => {
  const memo = { generation: 'first', fresh: true };
  expect(generationOf(withCacheNamespace(run, { isOpen: true, memo }, true))).toBe('first');
  expect(generationOf(withCacheNamespace(run, { isOpen: true, memo }, false))).toBe('first');
  expect(() => withCacheNamespace(run, { isOpen: true, memo: { generation: 'first', fresh: false } }, true)).toThrow(
    'is open',
  );
  const next = generationOf(withCacheNamespace(run, { isOpen: false, memo }, true));
  expect(next).toBeDefined();
  expect(next).not.toBe('first');
  expect(generationOf(withCacheNamespace(run, undefined, false))).toBeUndefined();
});
