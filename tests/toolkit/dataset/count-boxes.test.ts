import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { countBoxes } from '../../../toolkit/dataset/coco-stream.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

it('counts images and boxes of a file that arrives in several chunks', async () => {
  const path = join(await temporaryFolder(), 'coco.json');
  // Pieces shorter than an entry end within every part of the names.
  const annotations = Array.from({ length: 6_000 }, (_, id) => ({
    id: 100_000 + id,
    image_id: id % 7,
    bbox: [1, 2, 3, 4],
  }));
  const images = Array.from({ length: 7 }, (_, id) => ({ id, file_name: `${id}.png` }));
  await writeFile(path, JSON.stringify({ annotations, images }));
  expect(await countBoxes(path, { pieceBytes: 13 })).toEqual({ images: 7, boxes: 6_000 });
});
