import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, configDigest } from '../../config/digest.ts';
import { RunConfig } from '../../config/schema.ts';

const base = { name: 'paper', record: '15674785' };
const folders = { data: '/d', results: '/r' };
const digest = (fields: object, where = folders) => configDigest(RunConfig.parse({ ...base, ...fields }), where);

describe('configDigest', () => {
  it.each([
    ['the scope', { he: { scope: 'annotated' } }],
    ['the provider', { inference: { provider: 'cpu' } }],
    ['the engine', { inference: { engine: 'fast' } }],
    ['the record', { record: '17735903' }],
    ['the name', { name: 'mine' }],
  ])('changes with %s', (_what, fields) => {
    expect(digest(fields)).not.toBe(digest({}));
  });

  it.each([
    ['the threads', { inference: { threads: 7 } }],
    ['the GPU', { inference: { deviceId: 1 } }],
    ['the precision of the other engine', { inference: { precision: 'float32' } }],
    ['the address of the record', { zenodo: { api: 'http://127.0.0.1:4711/api' } }],
    ['the window', { temporal: { maxConcurrentRois: 9 } }],
    ['the heartbeat', { temporal: { heartbeatSeconds: 2 } }],
  ])('does not change with %s', (_what, fields) => {
    expect(digest(fields)).toBe(digest({}));
  });

  it('changes with the precision and batch size of the fast engine', () => {
    const fast = (fields: object) => digest({ inference: { engine: 'fast', ...fields } });
    expect(fast({ precision: 'float32' })).not.toBe(fast({}));
    expect(fast({ batchSize: 3 })).not.toBe(fast({}));
  });

  it('changes with the batch size of the exact engine, whose detectors use it on a GPU, if it is set', () => {
    expect(digest({ inference: { batchSize: 3 } })).not.toBe(digest({}));
    expect(digest({ inference: { batchSize: 0 } })).toBe(digest({}));
  });

  it('changes with the folders', () => {
    expect(digest({}, { data: '/e', results: '/r' })).not.toBe(digest({}));
    expect(digest({}, { data: '/d', results: '/s' })).not.toBe(digest({}));
  });
});

describe('canonicalJson', () => {
  it('does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
      }),
    );
  });
});
