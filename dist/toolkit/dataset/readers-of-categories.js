import { ReigniteError } from '../errors.js';
/**
 * Finds the readers of the categories by their supercategory.
 *
 * pycocotools asks whether the supercategory is *in* "reader P1", a string there, so that any part of it counts: "P1"
 * means the same reader. A part that several names share, such as "reader", gives each of them everything in the
 * authors' code; here it is refused.
 *
 * @param readers - Names that the authors' scripts look for.
 * @param file - Names the file in errors.
 * @throws ReigniteError ANNOTATIONS_INVALID when a supercategory fits several readers.
 */
export function readersOfCategories(categories, readers, file) {
    const spellings = readers.map(() => new Set());
    const byCategory = new Map();
    for (const { id, supercategory } of categories) {
        const fitting = readers.flatMap((reader, index) => (reader.includes(supercategory) ? [index] : []));
        const [reader] = fitting;
        if (reader === undefined)
            continue;
        if (fitting.length > 1) {
            const fits = fitting.map((index) => readers[index]).join(', ');
            const cause = `${file}: the supercategory "${supercategory}" of category ${id} fits several readers: ${fits}.`;
            throw new ReigniteError('ANNOTATIONS_INVALID', cause);
        }
        byCategory.set(id, reader);
        spellings[reader]?.add(supercategory);
    }
    const names = readers.map((reader, index) => {
        const [spelling = reader, ...others] = spellings[index] ?? [];
        return others.length === 0 ? spelling : reader;
    });
    return { names, byCategory };
}
