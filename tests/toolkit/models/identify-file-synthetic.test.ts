import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { unpackArchive } from '../../../toolkit/archive/unpack-archive.ts';
import { sha256OfFile } from '../../../toolkit/files/hash-file.ts';
import { isTrainedOnSynthetic } from '../../../toolkit/models/identify-file.ts';
import { filesBelow } from '../../support/files-below.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';

const folder = suiteFolder();

it('recognises every checkpoint of the sample, whatever its name', async () => {
  const archive = fileURLToPath(new URL('../../../data/sample/models.zip', import.meta.url));
  await unpackArchive({ archive, target: folder(), root: 'models' });
  const checkpoints = Object.keys(await filesBelow(folder())).filter((file) => /\.(pt|model)$/.test(file));
  expect(checkpoints).toHaveLength(7);
  for (const checkpoint of checkpoints) {
    const sourceSha256 = await sha256OfFile(join(folder(), checkpoint));
    expect([checkpoint, isTrainedOnSynthetic([{ sourceSha256 }])]).toEqual([checkpoint, true]);
  }
});

it('recognises no other', () => {
  expect(isTrainedOnSynthetic([{ sourceSha256: '0'.repeat(64) }])).toBe(false);
});
