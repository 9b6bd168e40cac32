import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openCheckpoint, readPickleFile } from '../../../toolkit/pytorch/containers/checkpoint.ts';
import { asDict, asObject, asTensor, dictGet, isPickleObject, locate } from '../../../toolkit/pytorch/pickle/value.ts';
import { asJson } from './as-json.ts';
import { expectRejection, fixture } from './helpers.ts';

const expected = async (name: string): Promise<unknown> => JSON.parse(await readFile(fixture(name), 'utf8'));

describe('pickles written by Python', () => {
  it.each([0, 1, 2, 3, 4, 5])("reads Python's own types in protocol %i", async (protocol) => {
    const value = await readPickleFile(fixture(`python.p${protocol}.pkl`));
    expect(await asJson(value)).toEqual(await expected('python.json'));
  });

  it.each(['numpy.p0', 'numpy.p1', 'numpy.p2', 'numpy1.p2', 'numpy.p3', 'numpy.p4', 'numpy.p5'])(
    'reads scalars and arrays of %s',
    async (name) => {
      const value = await readPickleFile(fixture(`${name}.pkl`));
      expect(await asJson(value)).toEqual(await expected('numpy.json'));
    },
  );

  it('shares objects that the pickle shares', async () => {
    const root = locate(await readPickleFile(fixture('python.p4.pkl')), 'python.p4.pkl', 'CHECKPOINT_CORRUPT');
    const { value } = dictGet(root, 'shared');
    if (!isPickleObject(value) || value.kind !== 'list') throw new Error('no list');
    expect(value.items[0]).toBe(value.items[1]);
  });

  it('keeps unknown classes as names with their arguments', async () => {
    const root = locate(await readPickleFile(fixture('paths.p4.pkl')), 'paths.p4.pkl', 'CHECKPOINT_CORRUPT');
    const path = asObject(dictGet(root, 'posix'));
    expect([path.module, path.name, path.args.map((part) => part.value)]).toEqual([
      'pathlib',
      'PurePosixPath',
      ['a', 'b'],
    ]);
  });

  it('reads a value that contains itself', async () => {
    const value = await readPickleFile(fixture('recursive.p4.pkl'));
    if (!isPickleObject(value) || value.kind !== 'list') throw new Error('no list');
    const [pair] = value.items;
    if (!isPickleObject(pair) || pair.kind !== 'tuple') throw new Error('no tuple');
    expect(pair.items[0]).toBe(value);
  });
});

describe.each(['zip', 'stream'] as const)('checkpoints written by PyTorch, %s', (format) => {
  it('reads every element type, views, shared storages, scalars and empty tensors', async () => {
    const checkpoint = await openCheckpoint(fixture(`checkpoint.${format}.pt`));
    expect(checkpoint.format).toBe(format);
    expect(await asJson(checkpoint.root, checkpoint)).toEqual(await expected('checkpoint.json'));
    expect(checkpoint.globals.filter(({ verdict }) => verdict !== 'known')).toEqual([]);
    await checkpoint.close();
  });

  it('separates the metadata of a state dict from its entries', async () => {
    const checkpoint = await openCheckpoint(fixture(`checkpoint.${format}.pt`));
    const root = locate(checkpoint.root, checkpoint.path, 'CHECKPOINT_CORRUPT');
    const stateDict = asDict(dictGet(root, 'state_dict'));
    expect([...stateDict.entries.keys()]).toEqual(['weight', 'count']);
    const attributes = locate(stateDict.attributes ?? null, checkpoint.path, 'CHECKPOINT_CORRUPT');
    expect(dictGet(dictGet(dictGet(attributes, '_metadata'), ''), 'version').value).toBe(1);
    await checkpoint.close();
  });

  it('reads the tensors of a pickled network, whose class stays a name', async () => {
    const checkpoint = await openCheckpoint(fixture(`module.${format}.pt`));
    const root = locate(checkpoint.root, checkpoint.path, 'CHECKPOINT_CORRUPT');
    const model = asObject(dictGet(root, 'model'));
    expect([model.module, model.name]).toEqual(['__main__', 'Tiny']);
    expect(dictGet(model.state, 'eps').value).toBe(1e-3);
    const weight = asTensor(dictGet(dictGet(model.state, '_parameters'), 'weight'));
    expect(Array.from(await checkpoint.readFloat32(weight))).toEqual([0.5, -1.25]);
    expect(checkpoint.globals.find(({ name }) => name === 'Tiny')?.verdict).toBe('inert');
    await checkpoint.close();
  });

  it('rejects reading an expanded tensor, which a few bytes could make endless', async () => {
    const checkpoint = await openCheckpoint(fixture(`expanded.${format}.pt`));
    const tensor = asTensor(dictGet(locate(checkpoint.root, checkpoint.path, 'CHECKPOINT_CORRUPT'), 'w'));
    const promise = checkpoint.readFloat32(tensor);
    await expectRejection(promise, 'CHECKPOINT_UNSUPPORTED', /shape \[5\] in storage \d+ repeats elements/);
    await checkpoint.close();
  });

  it('rejects an unsupported element type, by name', async () => {
    const promise = openCheckpoint(fixture(`complex.${format}.pt`));
    await expectRejection(promise, 'CHECKPOINT_UNSUPPORTED', 'torch.ComplexFloatStorage');
  });
});

describe('readPickleFile', () => {
  it('rejects a checkpoint with tensors and a missing file', async () => {
    await expectRejection(readPickleFile(fixture('tiny.zip.pt')), 'CHECKPOINT_UNSUPPORTED', 'plain pickle');
    await expectRejection(readPickleFile(fixture('none.pkl')), 'FILE_MISSING', 'none.pkl');
    await expectRejection(readPickleFile(fixture('.')), 'FILE_MISSING', 'is not a file');
  });
});
