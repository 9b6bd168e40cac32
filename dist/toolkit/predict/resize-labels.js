/** A mask at another size: each pixel takes the label at its middle. */
export function resizeLabels(mask, size) {
    const { width, height } = size;
    if (mask.width === width && mask.height === height)
        return mask;
    const data = new Uint8Array(width * height);
    const columns = Uint32Array.from({ length: width }, (_, x) => Math.floor(((x + 0.5) * mask.width) / width));
    for (let y = 0, at = 0; y < height; y++) {
        const row = Math.floor(((y + 0.5) * mask.height) / height) * mask.width;
        for (let x = 0; x < width; x++)
            data[at++] = mask.data[row + (columns[x] ?? 0)] ?? 0;
    }
    return { width, height, data };
}
