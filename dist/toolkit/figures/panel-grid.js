/** Longest side of a panel; the authors' panels are about 480 px, with the same content. */
const LONGEST_SIDE = 960;
/**
 * Lays a crop of an image out as a panel of at most 960 px on its longer side.
 *
 * A larger crop is reduced: every image pixel goes into exactly one panel pixel. A smaller one is enlarged by a whole
 * factor, so that single pixels stay sharp.
 */
export function panelGrid(box, imageWidth) {
    const longest = Math.max(box.width, box.height);
    const factor = longest > LONGEST_SIDE ? LONGEST_SIDE / longest : Math.floor(LONGEST_SIDE / longest);
    const width = Math.max(1, Math.round(box.width * factor));
    const height = Math.max(1, Math.round(box.height * factor));
    const columns = spans(box.x, box.width, width);
    const rows = spans(box.y, box.height, height);
    return { width, height, imageWidth, left: columns.begin, right: columns.end, top: rows.begin, bottom: rows.end };
}
/**
 * Calls `visit` for every pixel of a panel, row by row, with its index and the pixels of the image that it covers:
 * columns and rows from the first up to, not including, the end.
 */
export function eachPanelPixel({ width, height, left, right, top, bottom }, visit) {
    for (let row = 0, index = 0; row < height; row++) {
        const firstY = top[row] ?? 0;
        const endY = bottom[row] ?? 0;
        for (let column = 0; column < width; column++, index++) {
            visit(index, left[column] ?? 0, right[column] ?? 0, firstY, endY);
        }
    }
}
function spans(start, length, count) {
    const edge = (k) => start + Math.floor((k * length) / count);
    const begin = Int32Array.from({ length: count }, (_, k) => edge(k));
    return { begin, end: begin.map((first, k) => Math.max(first + 1, edge(k + 1))) };
}
