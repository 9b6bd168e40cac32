import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findModelFolder, RECORD_MODEL_FOLDER } from '../../../toolkit/nnunet/convert/find-model-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reignite-models-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function addModel(name: string): Promise<void> {
  await mkdir(join(folder, name, 'fold_0'), { recursive: true });
}

describe('findModelFolder', () => {
  it("prefers the record's own name", async () => {
    await addModel('another');
    await addModel(RECORD_MODEL_FOLDER);
    expect(await findModelFolder(folder)).toBe(join(folder, RECORD_MODEL_FOLDER));
  });

  it('accepts the only folder with a fold, whatever its name', async () => {
    await addModel('another');
    await addModel('__MACOSX');
    await mkdir(join(folder, 'notes'));
    expect(await findModelFolder(folder)).toBe(join(folder, 'another'));
  });

  it('accepts an nnU-Net folder itself', async () => {
    await addModel('.');
    expect(await findModelFolder(folder)).toBe(folder);
  });

  it('rejects a folder without a model', async () => {
    await expect(findModelFolder(join(folder, 'absent'))).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });

  it('rejects several and names them', async () => {
    await addModel('one');
    await addModel('two');
    await expect(findModelFolder(folder)).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: `${folder} contains several nnU-Net models: one, two.`,
    });
  });
});
