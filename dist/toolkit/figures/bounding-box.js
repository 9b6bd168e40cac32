/**
 * The smallest box that holds every pixel that is not 0.
 *
 * A stray value that is no label counts too, as in evaluation.py.
 *
 * @param mask - height × width, row by row.
 * @returns Undefined when every pixel is 0.
 */
export function boundingBox(mask, width) {
    const first = mask.findIndex((value) => value !== 0);
    if (first < 0)
        return undefined;
    const last = mask.findLastIndex((value) => value !== 0);
    const top = Math.floor(first / width);
    const bottom = Math.floor(last / width);
    let left = width;
    let right = -1;
    for (let row = top; row <= bottom; row++) {
        const start = row * width;
        let x = 0;
        while (x < left && mask[start + x] === 0)
            x++;
        left = x;
        x = width - 1;
        while (x > right && mask[start + x] === 0)
            x--;
        right = x;
    }
    return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}
