import { join } from 'node:path';
import type { RunInput } from '../../activities/inputs.ts';
import { fileExists } from '../../toolkit/files/file-exists.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';

/** Whether all that a run computes from lies in the data folder, so that nobody has to be asked what is missing. */
export async function isDataComplete({ config, folders: { data } }: RunInput): Promise<boolean> {
  try {
    for (const task of config.tasks) {
      const { listRois, isModelThere } = taskNamed(task);
      const files = (await listRois(data)).flatMap(({ image, truth }) => [image, truth]);
      if (config[task].model === undefined && !(await isModelThere(data))) return false;
      for (const file of files) if (!(await fileExists(join(data, file)))) return false;
    }
    return true;
  } catch {
    return false;
  }
}
