import type { Task } from '../../config/tasks.ts';
import { folderOf, readersFile } from '../../toolkit/dataset/layout.ts';
import { readReaderAnnotations } from '../../toolkit/dataset/readers-annotations.ts';
import { listHeTestRois } from '../../toolkit/dataset/test-rois.ts';
import { inside } from '../../toolkit/files/inside.ts';

/** An ROI of a task's test set; paths are relative to the data folder. */
export interface ListedRoi {
  readonly roi: string;
  readonly image: string;
  readonly truth: string;
  readonly box?: [number, number, number, number];
}

/** The test set of a task. @throws ReigniteError FILE_MISSING when the list is not here, or it is damaged. */
export async function listRois(task: Task, data: string): Promise<readonly ListedRoi[]> {
  if (task === 'he') {
    return (await listHeTestRois(data)).map(({ roi, image, annotation }) => ({ roi, image, truth: annotation }));
  }
  const truth = readersFile(task);
  const { images } = await readReaderAnnotations(inside(data, truth), task);
  return images.map(({ stem, fileName, annotatedXyxy: [left, top, right, bottom] }) => ({
    roi: stem,
    image: `${folderOf('images', task)}/${fileName}`,
    truth,
    box: [left, top, right, bottom],
  }));
}
