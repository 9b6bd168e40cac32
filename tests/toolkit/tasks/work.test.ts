import { describe, expect, it } from 'vitest';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { type EngineName, engineParts } from '../../../toolkit/onnx/session/engine-choice.ts';
import { engineOf, networkParts, publishedOr } from '../../../toolkit/tasks/work.ts';

const MODEL = { digest: 'a'.repeat(64) };
const settings = { scope: 'full' } as const;

function partsOf(more: { engine: EngineName; precision?: 'float16' | 'float32'; batchSize?: number }) {
  const engine = { provider: 'cuda', ortVersion: '1.30.0', ...more };
  const parts = networkParts({ model: MODEL, engine, settings });
  const read = engineOf({ parts });
  return { parts, read };
}

describe('the batch size in keys and partial results', () => {
  it('is named if the fast engine adds on the GPU', () => {
    const { parts, read } = partsOf({ engine: 'fast', precision: 'float16', batchSize: 4 });
    expect(parts).toMatchObject({ engine: 'fast', batchSize: 4 });
    expect(read.batchSize).toBe(4);
    const partial = engineParts({ engine: 'fast', precision: 'float16', batchSize: 0 });
    expect(partial).toEqual({ engine: 'fast', precision: 'float16', batchSize: '0' });
  });

  it('is named if a detector runs on a GPU', () => {
    const { parts, read } = partsOf({ engine: 'exact', batchSize: 0 });
    expect(parts).toMatchObject({ engine: 'exact', batchSize: 0 });
    expect(read.batchSize).toBe(0);
  });

  it('changes no key of the exact engine, nor of the fast one with its sums on the host', () => {
    const exact = {
      model: MODEL.digest,
      provider: 'cuda',
      ortVersion: '1.30.0',
      engine: 'exact',
      precision: 'float32',
    };
    expect(partsOf({ engine: 'exact' }).parts).toEqual(exact);
    expect(partsOf({ engine: 'fast', precision: 'float32' }).parts).toEqual({ ...exact, engine: 'fast' });
    expect(engineParts({})).toEqual({ engine: 'exact' });
    expect(engineParts({ engine: 'fast' })).toEqual({ engine: 'fast', precision: 'float32' });
  });
});

const failing = (code: 'FILE_MISSING' | 'NO_SPACE') => async () => {
  throw new ReigniteError(code, 'File not found: /home/someuser/data/inference/he/x.png.');
};

it('an unreadable published prediction gives a reason without absolute paths', async () => {
  expect(await publishedOr('/home/someuser/data', failing('FILE_MISSING'))).toEqual({
    kind: 'unreadable',
    reason: 'File not found: inference/he/x.png.',
  });
});

it('an error that is not the fault of the published file ends the activity', async () => {
  await expect(publishedOr('/data', failing('NO_SPACE'))).rejects.toMatchObject({ code: 'NO_SPACE' });
});
