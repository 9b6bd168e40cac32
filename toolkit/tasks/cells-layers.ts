import type { CellTask } from '../../config/tasks.ts';
import { folderOf, readersFile } from '../dataset/layout.ts';
import { readersOn, readReaderAnnotations } from '../dataset/readers-annotations.ts';
import { inside } from '../files/inside.ts';
import { drawCellsLayers } from '../report/layers/cells-layers.ts';
import type { DrawnRoi } from '../report/layers/drawn-roi.ts';

/** Images of cells whose layers can be drawn for the viewer. */
export async function cellsLayers(
  task: CellTask,
  { results, data }: { readonly results: string; readonly data: string },
  nearDistance: number,
): Promise<readonly DrawnRoi[]> {
  const truth = inside(data, readersFile(task));
  const annotations = await readReaderAnnotations(truth, task);
  return annotations.images.map(({ id, stem, fileName }) => {
    const file = `${folderOf('inference', task)}/${stem}.npy`;
    const sources = {
      image: inside(data, `${folderOf('images', task)}/${fileName}`),
      published: inside(data, file),
      ours: inside(results, file),
    };
    const readers = readersOn(annotations, id);
    const draw: DrawnRoi['draw'] = (limit, writer) =>
      drawCellsLayers({ task, ...sources, readers, nearDistance }, limit, writer);
    return { task, roi: stem, sources: [...Object.values(sources), truth], settings: `near ${nearDistance}`, draw };
  });
}
