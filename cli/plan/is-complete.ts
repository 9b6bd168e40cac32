import { join } from 'node:path';
import type { RunInput } from '../../activities/inputs.ts';
import { detectorFile } from '../../toolkit/dataset/layout.ts';
import { fileExists } from '../../toolkit/files/file-exists.ts';
import { findModelFolder } from '../../toolkit/nnunet/find-model-folder.ts';
import { listRois } from './list-rois.ts';

/** Whether all that a run computes from lies in the data folder, so that nobody has to be asked what is missing. */
export async function isDataComplete({ config, folders: { data } }: RunInput): Promise<boolean> {
  try {
    for (const task of config.tasks) {
      const files = (await listRois(task, data)).flatMap(({ image, truth }) => [image, truth]);
      if (config[task].model === undefined) {
        if (task === 'he') await findModelFolder(join(data, 'models', 'he'));
        else files.push(detectorFile(task));
      }
      for (const file of files) if (!(await fileExists(join(data, file)))) return false;
    }
    return true;
  } catch {
    return false;
  }
}
