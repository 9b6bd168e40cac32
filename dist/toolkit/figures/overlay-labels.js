import { eachPanelPixel } from './panel-grid.js';
/**
 * A panel with the labels of its crop over it at half opacity: the mean of the overlays of the pixels that it covers.
 *
 * @param base - RGBA of the panel, as {@link averageImage} gives it.
 * @param labels - Mask of the whole image, one byte a pixel, row by row.
 * @returns A new RGBA of the panel.
 */
export function overlayLabels(base, labels, grid, colours) {
    const { imageWidth } = grid;
    const { red, green, blue, isDrawn } = colours;
    const pixels = base.slice();
    eachPanelPixel(grid, (index, firstX, endX, firstY, endY) => {
        let reds = 0;
        let greens = 0;
        let blues = 0;
        let drawn = 0;
        for (let y = firstY; y < endY; y++) {
            const end = y * imageWidth + endX;
            for (let k = y * imageWidth + firstX; k < end; k++) {
                const label = labels[k] ?? 0;
                reds += red[label] ?? 0;
                greens += green[label] ?? 0;
                blues += blue[label] ?? 0;
                drawn += isDrawn[label] ?? 0;
            }
        }
        const twice = 2 * (endY - firstY) * (endX - firstX);
        const kept = 1 - drawn / twice;
        const out = 4 * index;
        pixels[out] = (base[out] ?? 0) * kept + reds / twice;
        pixels[out + 1] = (base[out + 1] ?? 0) * kept + greens / twice;
        pixels[out + 2] = (base[out + 2] ?? 0) * kept + blues / twice;
    });
    return pixels;
}
