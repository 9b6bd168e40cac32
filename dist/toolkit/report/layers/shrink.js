/** The size whose longer side is `edge`, of the same shape; at least 1 px. */
export function sizeWithin({ width, height }, edge) {
    const scale = Math.min(1, edge / Math.max(width, height));
    return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
/** For every column (or row) of the smaller image, where its part of the larger one begins; one more at the end. */
function startsOf(from, to) {
    return Uint32Array.from({ length: to + 1 }, (_, k) => Math.floor((k * from) / to));
}
/** Labels in the middle of every cell: no label appears that is not there. */
export function shrinkLabels(labels, from, to) {
    const small = new Uint8Array(to.width * to.height);
    for (let y = 0; y < to.height; y++) {
        const row = Math.floor(((y + 0.5) * from.height) / to.height) * from.width;
        for (let x = 0; x < to.width; x++) {
            small[y * to.width + x] = labels[row + Math.floor(((x + 0.5) * from.width) / to.width)] ?? 0;
        }
    }
    return small;
}
/** 1 for every cell in which two masks differ anywhere: a single pixel is not lost. */
export function shrinkDifferences(one, other, from, to) {
    const small = new Uint8Array(to.width * to.height);
    for (let y = 0; y < from.height; y++) {
        const row = Math.floor((y * to.height) / from.height) * to.width;
        for (let x = 0; x < from.width; x++) {
            const at = y * from.width + x;
            if (one[at] !== other[at])
                small[row + Math.floor((x * to.width) / from.width)] = 1;
        }
    }
    return small;
}
/** The smallest value of every cell, 0 to 255 of uint16: the least clear decision in it. */
export function shrinkToSmallest(values, from, to) {
    const [columns, rows] = [startsOf(from.width, to.width), startsOf(from.height, to.height)];
    const small = new Uint8Array(to.width * to.height);
    for (let y = 0; y < to.height; y++) {
        for (let x = 0; x < to.width; x++) {
            let smallest = 65_535;
            for (let row = rows[y] ?? 0; row < (rows[y + 1] ?? 0); row++) {
                for (let column = columns[x] ?? 0; column < (columns[x + 1] ?? 0); column++) {
                    smallest = Math.min(smallest, values[row * from.width + column] ?? 65_535);
                }
            }
            small[y * to.width + x] = smallest >> 8;
        }
    }
    return small;
}
