import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PendingFiles } from '../../../toolkit/nnunet/sliding-window/partial-files.ts';
import { PartialRoi } from '../../../toolkit/nnunet/sliding-window/partial-roi.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const IDENTITY = { model: 'a', image: 'b' };
const START = { row: 0, fold: 0 };
const NEXT = { row: 0, fold: 1 };

it('keeps pending files in memory only up to the limit', () => {
  const files = new PendingFiles(10);
  for (const name of ['a', 'b', 'c']) files.set(name, Uint8Array.of(1, 2, 3, 4));
  files.set('large', new Uint8Array(11));
  expect(files.bytes).toEqual({ pending: 23, free: 0 });
  expect([...files.takeAll()]).toHaveLength(4);
  expect(files.bytes).toEqual({ pending: 0, free: 8 });
  files.set('d', Uint8Array.of(5, 6, 7, 8));
  files.set('d', Uint8Array.of(9, 9, 9, 9));
  expect(files.bytes).toEqual({ pending: 4, free: 4 });
  expect(files.get('d')).toEqual(Uint8Array.of(9, 9, 9, 9));
});

describe('PartialRoi', () => {
  it('resumes after the last commit and discards what was written after it', async () => {
    const folder = await temporaryFolder();
    const first = PartialRoi.open(folder, IDENTITY);
    expect(first.next).toEqual(START);
    first.writeFloats('carry-0-0', Float32Array.of(1, 2, 3));
    first.commit(NEXT, []);
    first.writeFloats('carry-0-1', Float32Array.of(4));

    const second = PartialRoi.open(folder, IDENTITY);
    expect(second.next).toEqual(NEXT);
    const read = new Float32Array(2);
    second.readFloats('carry-0-0', 1, read);
    expect([...read]).toEqual([2, 3]);
    expect(() => second.pathOf('carry-0-1')).toThrow('Expected a file of the partial result, got carry-0-1');
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it('keeps files in memory until a commit is due, and writes only what is still needed', async () => {
    const folder = await temporaryFolder();
    const partial = PartialRoi.open(folder, IDENTITY, Number.POSITIVE_INFINITY);
    const read = (of: PartialRoi, name: string) => {
      const values = new Float32Array(2);
      of.readFloats(name, 1, values);
      return [...values];
    };
    const reused = Float32Array.of(1, 2, 3);
    partial.writeFloats('carry-0-0', reused);
    reused.fill(9);
    partial.commit(NEXT, []);
    expect(partial.next).toEqual(NEXT);
    expect(read(partial, 'carry-0-0')).toEqual([2, 3]);
    expect(readdirSync(folder)).toEqual(['state.json']);

    partial.writeFloats('carry-0-1', Float32Array.of(4, 5, 6));
    partial.writeBytes('labels-0', Uint8Array.of(7));
    partial.commit({ row: 1, fold: 0 }, ['carry-0-0']);
    partial.flush();
    expect(readdirSync(folder)).toHaveLength(3);
    partial.writeFloats('carry-1-0', Float32Array.of(8, 8, 8));
    partial.commit({ row: 1, fold: 1 }, ['carry-0-1']);

    const again = PartialRoi.open(folder, IDENTITY);
    expect(again.next).toEqual({ row: 1, fold: 0 });
    expect(read(again, 'carry-0-1')).toEqual([5, 6]);
    expect(readFileSync(again.pathOf('labels-0'))).toEqual(Buffer.of(7));
  });

  it('commits early if files in memory exceed the limit', async () => {
    const folder = await temporaryFolder();
    const partial = PartialRoi.open(folder, IDENTITY, Number.POSITIVE_INFINITY, 20);
    partial.writeFloats('carry-0-0', Float32Array.of(1, 2, 3));
    partial.commit(NEXT, []);
    expect(readdirSync(folder)).toEqual(['state.json']);
    partial.writeFloats('carry-0-1', Float32Array.of(4, 5, 6));
    partial.commit({ row: 1, fold: 0 }, []);
    expect(readdirSync(folder)).toHaveLength(3);
    partial.writeFloats('carry-1-0', Float32Array.of(7, 8, 9));
    partial.commit({ row: 1, fold: 1 }, []);
    expect(readdirSync(folder)).toHaveLength(3);
    expect(PartialRoi.open(folder, IDENTITY).next).toEqual({ row: 1, fold: 0 });
  });

  it('removes a file of an earlier commit with the next one', async () => {
    const folder = await temporaryFolder();
    const partial = PartialRoi.open(folder, IDENTITY, Number.POSITIVE_INFINITY);
    partial.writeFloats('carry-0-0', Float32Array.of(1));
    partial.commit(NEXT, []);
    partial.flush();
    partial.commit({ row: 1, fold: 0 }, ['carry-0-0']);
    expect(PartialRoi.open(folder, IDENTITY).next).toEqual(NEXT);
    expect(() => partial.flush()).toThrow('Another process took over');

    const next = PartialRoi.open(folder, IDENTITY, Number.POSITIVE_INFINITY);
    next.commit({ row: 1, fold: 0 }, ['carry-0-0']);
    next.flush();
    const last = PartialRoi.open(folder, IDENTITY);
    expect(last.next).toEqual({ row: 1, fold: 0 });
    expect(() => last.pathOf('carry-0-0')).toThrow('Expected a file');
    expect(readdirSync(folder)).toEqual(['state.json']);
  });

  it('overwrites files that no commit needs, also with shorter ones', async () => {
    const folder = await temporaryFolder();
    const partial = PartialRoi.open(folder, IDENTITY);
    partial.writeFloats('carry-0-0', Float32Array.of(1, 2, 3));
    partial.commit(NEXT, []);
    partial.commit({ row: 1, fold: 0 }, ['carry-0-0']);
    partial.writeFloats('carry-1-0', Float32Array.of(9));
    partial.commit({ row: 1, fold: 1 }, []);
    expect(readdirSync(folder)).toHaveLength(2);
    const again = PartialRoi.open(folder, IDENTITY);
    expect(again.next).toEqual({ row: 1, fold: 1 });
    const read = new Float32Array(1);
    again.readFloats('carry-1-0', 0, read);
    expect(read[0]).toBe(9);
  });

  it.each([{ model: 'a' }, { model: 'a', image: 'c' }, { ...IDENTITY, more: 'd' }])(
    'starts over for %o',
    async (other) => {
      const folder = await temporaryFolder();
      const partial = PartialRoi.open(folder, IDENTITY);
      partial.writeFloats('carry-0-0', Float32Array.of(1));
      partial.commit(NEXT, []);
      expect(PartialRoi.open(folder, other).next).toEqual(START);
      expect(readdirSync(folder)).toEqual(['state.json']);
    },
  );

  it('rejects a commit after another process has opened the folder', async () => {
    const folder = await temporaryFolder();
    const earlier = PartialRoi.open(folder, IDENTITY);
    earlier.writeFloats('carry-0-0', Float32Array.of(1));
    earlier.commit(NEXT, []);
    const later = PartialRoi.open(folder, IDENTITY);
    earlier.writeFloats('carry-0-1', Float32Array.of(2));
    expect(() => earlier.commit({ row: 1, fold: 0 }, [])).toThrow('Another process took over');
    later.commit({ row: 1, fold: 0 }, []);
    expect(PartialRoi.open(folder, IDENTITY).next).toEqual({ row: 1, fold: 0 });
  });
});
