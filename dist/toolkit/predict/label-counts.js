/**
 * Counts the pixels of every class.
 *
 * @param mpp - µm a px.
 * @returns The classes that occur, by value.
 */
export function classAreas(labels, classes, mpp) {
    const counts = new Float64Array(256);
    for (const label of labels)
        counts[label] = (counts[label] ?? 0) + 1;
    return Array.from(counts, (pixels, value) => ({ pixels, value }))
        .filter(({ pixels }) => pixels > 0)
        .map(({ pixels, value }) => ({
        value,
        name: classes.get(value)?.name ?? `class ${value}`,
        pixels,
        share: pixels / labels.length,
        ...(mpp !== undefined && { mm2: (pixels * mpp * mpp) / 1e6 }),
    }));
}
