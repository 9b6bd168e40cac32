import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ReigniteError } from '../../../../toolkit/errors.ts';
import { convertModel } from '../../../../toolkit/nnunet/convert/convert-model.ts';
import { chooseFolds } from '../../../../toolkit/nnunet/convert/model-folds.ts';
import { useScratch } from '../support/scratch.ts';

const MODEL = fileURLToPath(
  new URL('../../../fixtures/nnunet-v2/models/D_regions_rescale/nnUNetTrainer__nnUNetPlans__2d', import.meta.url),
);
const MUTANTS = 120;
const scratch = useScratch();

/** Numbers from 0 to 1, the same every time. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const VALUES = [
  null,
  -1,
  0,
  1.5,
  1e9,
  1e308,
  '',
  'x'.repeat(5000),
  [],
  {},
  [[]],
  true,
  [1, 1],
  [3, [3]],
  '2d',
  '__proto__',
];

/** JSON with one value anywhere in it replaced, taken out, or put under another name. */
function mutated(json: unknown, random: () => number): unknown {
  if (typeof json !== 'object' || json === null || random() < 0.12) {
    return VALUES[Math.floor(random() * VALUES.length)];
  }
  const copy = structuredClone(json);
  const keys = Object.keys(copy);
  const key = keys[Math.floor(random() * keys.length)];
  if (key === undefined) return VALUES[0];
  const value = mutated(Reflect.get(copy, key), random);
  const dice = random();
  if (dice < 0.05) Reflect.deleteProperty(copy, key);
  else Reflect.set(copy, dice < 0.1 ? `${key}_` : key, value);
  return copy;
}

/** Bytes changed, cut off, or doubled. */
function damaged(bytes: Uint8Array, random: () => number): Uint8Array {
  const at = () => Math.floor(random() * bytes.length);
  const dice = random();
  if (dice < 0.1) return bytes.subarray(0, at());
  if (dice < 0.15) return Buffer.concat([bytes, bytes.subarray(at())]);
  const copy = Uint8Array.from(bytes);
  for (let k = 0; k < 1 + random() * 4; k++) {
    // Most of the bytes are weights; the pickle and the directory of the archive are at the ends.
    const place = random() < 0.5 ? Math.floor(random() * Math.min(60_000, bytes.length)) : at();
    copy[place] = Math.floor(random() * 256);
  }
  return copy;
}

/** Converts a model; a refusal is its code. */
async function outcome(folder: string): Promise<string> {
  try {
    const { absent: _, ...chosen } = await chooseFolds(folder);
    await convertModel({ folder, ...chosen, out: join(folder, 'out') });
    return 'converted';
  } catch (error) {
    if (error instanceof ReigniteError) return error.code;
    throw error;
  }
}

describe('damaged and hostile nnU-Net v2 models', () => {
  it.each(['plans.json', 'dataset.json', join('fold_0', 'checkpoint_final.pth')])(
    'are converted or refused by a typed error, whatever is in %s',
    async (file) => {
      const random = generator(20);
      const folder = scratch.path('model');
      for (const part of ['plans.json', 'dataset.json', 'fold_0']) {
        await mkdir(folder, { recursive: true });
        await cp(join(MODEL, part), join(folder, part), { recursive: true });
      }
      const original = await readFile(join(MODEL, file));
      const codes = new Map<string, number>();
      for (let mutant = 0; mutant < MUTANTS; mutant++) {
        const isJson = file.endsWith('.json');
        const json = isJson ? JSON.parse(original.toString()) : undefined;
        const made = isJson ? (JSON.stringify(mutated(json, random)) ?? '') : damaged(original, random);
        await writeFile(join(folder, file), made);
        const code = await outcome(folder);
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
      const expected = [
        'converted',
        'PLANS_INVALID',
        'CHECKPOINT_UNSUPPORTED',
        'PARAMETER_MISSING',
        'PARAMETER_UNKNOWN',
      ];
      const ofCheckpoints = ['CHECKPOINT_CORRUPT', 'CHECKPOINT_UNSAFE'];
      expect([...expected, ...ofCheckpoints]).toEqual(expect.arrayContaining([...codes.keys()]));
      expect(codes.get('converted') ?? 0).toBeLessThan(MUTANTS);
    },
  );

  it('says what a checkpoint of another kind is', async () => {
    const folder = scratch.path('model');
    await cp(MODEL, folder, { recursive: true });
    await writeFile(join(folder, 'fold_0', 'checkpoint_final.pth'), 'version https://git-lfs.github.com/spec/v1\n');
    expect(await outcome(folder)).toMatch(/^CHECKPOINT_/);
  });
});
