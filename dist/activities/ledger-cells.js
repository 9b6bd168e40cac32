import { folderOf, readersFile } from '../toolkit/dataset/layout.js';
import { readReaderAnnotations } from '../toolkit/dataset/readers-annotations.js';
import { ReigniteError } from '../toolkit/errors.js';
import { inside } from '../toolkit/files/inside.js';
import { evaluateDetection } from '../toolkit/metrics/agreement.js';
import { readFoundPoints, readPoints } from '../toolkit/metrics/points-file.js';
import { declaredFiles, readDeclaredFile } from './declared-files.js';
import { publishedOr } from './published-prediction.js';
/**
 * Points of every image on both sides; an image without a file has none, as the authors write it. Images whose
 * published file cannot be read are left out, and all of them where no points are published at all.
 */
export async function pointsOfBoth({ data, results }, task) {
    const { images } = await readReaderAnnotations(inside(data, readersFile(task)), task);
    const both = [];
    let arePublished = false;
    for (const { stem } of images) {
        const file = `${folderOf('inference', task)}/${stem}.npy`;
        const published = await publishedOr(stem, data, () => pointsIfThere(inside(data, file), task));
        if (!('read' in published))
            continue;
        arePublished ||= published.read !== undefined;
        const ours = (await pointsIfThere(inside(results, file), task)) ?? [];
        both.push({ task, roi: stem, published: published.read ?? [], ours });
    }
    return arePublished ? both : [];
}
async function pointsIfThere(path, task) {
    try {
        return await readPoints(path, task);
    }
    catch (error) {
        if (error instanceof ReigniteError && error.code === 'FILE_MISSING')
            return undefined;
        throw error;
    }
}
/** Nuclei by the declared settings beside those by the settings in effect, on the images that have both. */
export async function declaredNuclei({ data, results }, { reason }) {
    if (reason !== undefined)
        return { reason };
    const { images } = await readDeclaredFile(results);
    const all = await readReaderAnnotations(inside(data, readersFile('nuclei')), 'nuclei');
    const annotations = { ...all, images: all.images.filter(({ stem }) => images.includes(stem)) };
    const declared = await readFoundPoints(declaredFiles(results).folder, annotations);
    const effective = await readFoundPoints(inside(results, folderOf('inference', 'nuclei')), annotations);
    const scored = (found) => evaluateDetection({ task: 'nuclei', annotations, points: (stem) => found.get(stem) }).metrics;
    return {
        metrics: scored(declared),
        effective: scored(effective),
        points: { declared: countOf(declared), effective: countOf(effective) },
        images: annotations.images.length,
    };
}
function countOf(found) {
    return [...found.values()].reduce((sum, points) => sum + points.length, 0);
}
