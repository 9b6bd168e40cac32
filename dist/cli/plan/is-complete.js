import { join } from 'node:path';
import { detectorFile } from '../../toolkit/dataset/layout.js';
import { fileExists } from '../../toolkit/files/file-exists.js';
import { findModelFolder } from '../../toolkit/nnunet/find-model-folder.js';
import { listRois } from './list-rois.js';
/** Whether all that a run computes from lies in the data folder, so that nobody has to be asked what is missing. */
export async function isDataComplete({ config, folders: { data } }) {
    try {
        for (const task of config.tasks) {
            const files = (await listRois(task, data)).flatMap(({ image, truth }) => [image, truth]);
            if (config[task].model === undefined) {
                if (task === 'he')
                    await findModelFolder(join(data, 'models', 'he'));
                else
                    files.push(detectorFile(task));
            }
            for (const file of files)
                if (!(await fileExists(join(data, file))))
                    return false;
        }
        return true;
    }
    catch {
        return false;
    }
}
