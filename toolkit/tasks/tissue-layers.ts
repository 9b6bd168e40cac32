import type { TissueTask } from '../../config/tasks.ts';
import { folderOf } from '../dataset/layout.ts';
import { inside } from '../files/inside.ts';
import type { DrawnRoi } from '../report/layers/drawn-roi.ts';
import { drawTissueLayers } from '../report/layers/tissue-layers.ts';
import type { ListedRoi } from './work.ts';

/** ROIs of tissue whose layers can be drawn for the viewer. */
export function tissueLayers(
  task: TissueTask,
  rois: readonly ListedRoi[],
  { results, data }: { readonly results: string; readonly data: string },
): readonly DrawnRoi[] {
  return rois.map(({ roi, image, truth }) => {
    const file = `${folderOf('inference', task)}/${roi}.png`;
    const sources = {
      image: inside(data, image),
      truth: inside(data, truth),
      published: inside(data, file),
      ours: inside(results, file),
      margin: inside(results, `margins/${task}/${roi}.png`),
    };
    const draw: DrawnRoi['draw'] = (limit, writer) => drawTissueLayers(sources, limit, writer);
    return { task, roi, sources: Object.values(sources), settings: '', draw };
  });
}
