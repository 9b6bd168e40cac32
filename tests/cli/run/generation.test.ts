import { expect, it } from 'vitest';
import { inGeneration } from '../../../cli/run/generation.ts';
import type { ResolvedRun } from '../../../cli/run/resolve-run.ts';
import { RunConfig } from '../../../config/schema.ts';

const config = RunConfig.parse({ name: 'one', record: '42' });
const run: ResolvedRun = {
  id: 'reproduce/42/one/0',
  input: { config, digest: '0', folders: { data: '/d', results: '/r' } },
};
const generationOf = (resolved: ResolvedRun) => resolved.input.folders.generation;

it('continues an open fresh run, refuses one that is not fresh, and starts another once it has closed', () => {
  const memo = { generation: 'first', fresh: true };
  expect(generationOf(inGeneration(run, { isOpen: true, memo }, true))).toBe('first');
  expect(generationOf(inGeneration(run, { isOpen: true, memo }, false))).toBe('first');
  expect(() => inGeneration(run, { isOpen: true, memo: { generation: 'first', fresh: false } }, true)).toThrow(
    'is open',
  );
  const next = generationOf(inGeneration(run, { isOpen: false, memo }, true));
  expect(next).toBeDefined();
  expect(next).not.toBe('first');
  expect(generationOf(inGeneration(run, undefined, false))).toBeUndefined();
});
