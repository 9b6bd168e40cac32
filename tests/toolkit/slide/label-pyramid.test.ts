import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { LabelPyramid } from '../../../toolkit/slide/read/label-pyramid.ts';
import { writePyramid } from '../../../toolkit/slide/write-pyramid.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';

const folder = suiteFolder();
const [WIDTH, HEIGHT] = [700, 600];

async function pyramid(name: string) {
  const path = join(folder(), name);
  const data = noise(WIDTH * HEIGHT, 1);
  async function* rows() {
    yield { count: HEIGHT, data };
  }
  await writePyramid(path, rows(), { width: WIDTH, height: HEIGHT, description: 'labels' });
  return { path, data };
}

async function readAll(path: string): Promise<Uint8Array> {
  const labels = await LabelPyramid.open(path);
  try {
    return await labels.read(0, 0, 0, WIDTH, HEIGHT);
  } finally {
    await labels.close();
  }
}

describe('LabelPyramid', () => {
  it('reads all values, even if the system returns few bytes at a time', async () => {
    const { path, data } = await pyramid('whole.tif');
    expect(Buffer.compare(await readAll(path), data)).toBe(0);
    const probe = await open(path);
    const prototype: typeof probe = Object.getPrototypeOf(probe);
    const { read } = probe;
    const spy = vi.spyOn(prototype, 'read');
    spy.mockImplementation(function few(this: unknown, ...given: unknown[]) {
      const [bytes, at, length, position] = given;
      return Reflect.apply(read, this, [bytes, at, Math.min(Number(length), 1_000), position]);
    });
    try {
      expect(Buffer.compare(await readAll(path), data)).toBe(0);
    } finally {
      spy.mockRestore();
      await probe.close();
    }
  });

  it('reports every kind of damage as a damaged file', async () => {
    const { path } = await pyramid('damaged.tif');
    const whole = await readFile(path);
    const damages: [string, Buffer][] = [];
    for (const share of [0.999, 0.9, 0.5, 0.1]) {
      damages.push([`cut at ${share}`, whole.subarray(0, Math.floor(whole.length * share))]);
    }
    for (let at = 0; at < whole.length; at += Math.max(1, Math.floor(whole.length / 40))) {
      damages.push([`filled at ${at}`, Buffer.from(whole).fill(0xff, at, Math.min(whole.length, at + 64))]);
    }
    const directory = Number(whole.readBigUInt64LE(8));
    for (let at = directory; at < Math.min(whole.length - 8, directory + 400); at += 4) {
      damages.push([`entry at ${at}`, Buffer.from(whole).fill(0xff, at, at + 4)]);
      damages.push([`emptied at ${at}`, Buffer.from(whole).fill(0, at, at + 4)]);
    }
    let refused = 0;
    for (const [what, bytes] of damages) {
      await writeFile(path, bytes);
      const error: unknown = await readAll(path).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error === undefined) continue;
      refused++;
      expect(error, what).toMatchObject({ code: 'FILE_DAMAGED', message: expect.stringContaining(path) });
    }
    expect(refused).toBeGreaterThan(damages.length / 4);
  });
});
