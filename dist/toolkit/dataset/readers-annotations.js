import { parse } from 'node:path';
import { ReigniteError } from '../errors.js';
import { parseCocoFile, readCocoFile } from './coco-file.js';
import { CELL_CLASSES, READER_GROUPS } from './readers.js';
import { readersOfCategories } from './readers-of-categories.js';
/**
 * Reads the COCO file with the annotations of all readers of a detection task.
 *
 * @throws ReigniteError FILE_MISSING, or ANNOTATIONS_INVALID as {@link parseReaderAnnotations}.
 */
export async function readReaderAnnotations(path, task, centre = 'first') {
    return annotationsOf(await readCocoFile(path), task, path, centre);
}
/**
 * Gathers points by reader and image as the authors' inference.py does.
 *
 * @param document - The parsed JSON of the COCO file.
 * @param file - Names the file in errors.
 * @throws ReigniteError ANNOTATIONS_INVALID: a field is missing or wrong, an id occurs twice, two images have one stem, a
 *   supercategory fits several readers or none fits any, there is no annotation of id 0.
 */
export function parseReaderAnnotations(document, task, file) {
    return annotationsOf(parseCocoFile(document, file), task, file, 'first');
}
/** The points of every reader who annotated an image, in the order of the readers. */
export function readersOn(annotations, image) {
    return [...annotations.points.values()].flatMap((ofReader) => {
        const points = ofReader.get(image);
        return points === undefined ? [] : [points];
    });
}
function annotationsOf(coco, task, file, centre) {
    const wanted = READER_GROUPS[task];
    const readers = wanted.flatMap((group) => group.readers);
    const { names, byCategory } = readersOfCategories(coco.categories, readers, file);
    if (byCategory.size === 0) {
        throw new ReigniteError('ANNOTATIONS_INVALID', `${file}: no category belongs to one of ${readers.join(', ')}.`);
    }
    const images = coco.images.map(annotatedImage).sort((a, b) => a.id - b.id);
    expectDistinctStems(images, file);
    const offset = centreOffset(coco.annotations, file);
    const points = new Map(names.map((name) => [name, new Map()]));
    const listed = new Set(images.map(({ id }) => id));
    const ofNoReader = new UnusedCount('category of no reader');
    const ofNoImage = new UnusedCount('image not listed');
    for (const annotation of coco.annotations) {
        const { image_id, category_id } = annotation;
        const ofReader = points.get(names[byCategory.get(category_id) ?? -1] ?? '');
        if (ofReader === undefined)
            ofNoReader.add(category_id);
        else if (!listed.has(image_id))
            ofNoImage.add(image_id);
        else {
            const shift = centre === 'first' ? [offset, offset] : ownOffset(annotation);
            const point = pointOf(annotation, shift, CELL_CLASSES[task].length);
            const ofImage = ofReader.get(image_id);
            if (ofImage === undefined)
                ofReader.set(image_id, [point]);
            else
                ofImage.push(point);
        }
    }
    const groups = wanted.map((group) => ({
        name: group.name,
        readers: group.readers.map((reader) => names[readers.indexOf(reader)] ?? reader),
    }));
    return { task, images, groups, points, unused: [...ofNoReader.counted(), ...ofNoImage.counted()] };
}
function annotatedImage({ id, file_name, annotated_xyxy }) {
    return { id, fileName: file_name, stem: parse(file_name).name, annotatedXyxy: annotated_xyxy };
}
/** Results are named by stem: two images of one stem would be taken for each other. */
function expectDistinctStems(images, file) {
    const seen = new Map();
    for (const { stem, fileName } of images) {
        const other = seen.get(stem);
        if (other !== undefined) {
            const cause = `${file}: the images ${other} and ${fileName} differ in their extension only.`;
            throw new ReigniteError('ANNOTATIONS_INVALID', cause);
        }
        seen.set(stem, fileName);
    }
}
/**
 * Half the height of the box *of the annotation whose id is 0*, rounded down: a quirk of the authors' code, which adds
 * this one number to left and top of every box to find its centre. In the record all boxes are squares of one size.
 */
function centreOffset(annotations, file) {
    const first = annotations.find(({ id }) => id === 0);
    if (first === undefined) {
        const cause = `${file}: no annotation has the id 0, whose box gives the centre of all boxes.`;
        throw new ReigniteError('ANNOTATIONS_INVALID', cause);
    }
    return Math.floor(first.bbox[3] / 2);
}
/** Half the width and half the height of a box, rounded down as the one offset is. */
function ownOffset({ bbox: [, , width, height] }) {
    return [Math.floor(width / 2), Math.floor(height / 2)];
}
/** Categories count on from reader to reader; the remainder is never negative, as Python has it. */
function pointOf({ bbox, category_id }, [right, down], classes) {
    const remainder = (category_id - 1) % classes;
    return { x: bbox[0] + right, y: bbox[1] + down, class: remainder < 0 ? remainder + classes : remainder + 0 };
}
class UnusedCount {
    #reason;
    #ids = new Set();
    #annotations = 0;
    constructor(reason) {
        this.#reason = reason;
    }
    add(id) {
        this.#ids.add(id);
        this.#annotations++;
    }
    counted() {
        if (this.#annotations === 0)
            return [];
        return [{ reason: this.#reason, ids: [...this.#ids].sort((a, b) => a - b), annotations: this.#annotations }];
    }
}
