/**
 * The cells among the candidates of an image.
 *
 * @param points - n x 3: x, y, class of the cells, in the order of the candidates that are points.
 * @param original - Size of the user's image; points lie in that of the candidates.
 */
export function foundCells({ candidates, width, height }, points, original) {
    const [scaleX, scaleY] = [original.width / width, original.height / height];
    const kept = candidates.filter((row) => row[7] === 'point');
    return kept.map(([, label, score, x1, y1, x2, y2], index) => ({
        x: toHundredths((points[3 * index] ?? 0) * scaleX),
        y: toHundredths((points[3 * index + 1] ?? 0) * scaleY),
        class: label,
        score,
        box: [toHundredths(x1 * scaleX), toHundredths(y1 * scaleY), toHundredths(x2 * scaleX), toHundredths(y2 * scaleY)],
    }));
}
const COLUMNS = 'x,y,class,name,score,x1,y1,x2,y2';
/** A table of cells as CSV (RFC 4180), coordinates in px of the image. */
export function cellsTable(cells, classes) {
    const rows = cells.map(({ x, y, class: of, score, box }) => [x, y, of, quoted(classes[of]?.name ?? `class ${of}`), score, ...box].join(','));
    return `${[COLUMNS, ...rows].join('\n')}\n`;
}
/** Each cell as a point that QuPath opens as a detection. */
export function* cellFeatures(cells, classes) {
    for (const { x, y, class: of, score } of cells) {
        const classification = classes[of];
        if (classification === undefined)
            continue;
        yield {
            geometry: { type: 'Point', coordinates: [x, y] },
            objectType: 'detection',
            classification,
            measurements: { Score: score },
        };
    }
}
/** How many cells of each class, those that do not occur included. */
export function countCells(cells, classes, mm2) {
    return classes.map(({ name }, value) => {
        const count = cells.filter((cell) => cell.class === value).length;
        return { value, name, count, ...(mm2 !== undefined && { perMm2: count / mm2 }) };
    });
}
function toHundredths(value) {
    return Math.round(value * 100) / 100;
}
function quoted(text) {
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
