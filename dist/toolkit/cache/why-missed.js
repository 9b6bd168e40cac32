/**
 * Says why the cache does not have what is asked for: what was made of the same input before, and which parts of the
 * key are others now. The input is the image, by its digest.
 *
 * @param made - Entries of the cache.
 * @returns Names of the parts that differ from the nearest entry; undefined when nothing was made of the image.
 */
export function differingParts(made, wanted) {
    const [nearest] = made
        .filter(({ parts }) => parts['step'] === wanted['step'] && parts['image'] === wanted['image'])
        .map(({ parts }) => differences(parts, wanted))
        .sort((a, b) => a.length - b.length);
    return nearest;
}
function differences(ours, wanted) {
    const names = new Set([...Object.keys(ours), ...Object.keys(wanted)]);
    return [...names].filter((name) => ours[name] !== wanted[name]).sort();
}
