import { folderOf, readersFile } from '../../toolkit/dataset/layout.js';
import { readReaderAnnotations } from '../../toolkit/dataset/readers-annotations.js';
import { listHeTestRois } from '../../toolkit/dataset/test-rois.js';
import { inside } from '../../toolkit/files/inside.js';
/** The test set of a task. @throws ReigniteError FILE_MISSING when the list is not here, or it is damaged. */
export async function listRois(task, data) {
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
