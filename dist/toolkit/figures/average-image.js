import { eachPanelPixel } from './panel-grid.js';
/**
 * An image in a panel: each panel pixel is the mean of the image pixels that it covers, so nothing is skipped.
 *
 * @param image - RGB, three bytes a pixel, row by row.
 * @returns RGBA of the panel, row by row, opaque.
 */
export function averageImage(image, grid) {
    const { imageWidth } = grid;
    const pixels = new Uint8ClampedArray(grid.width * grid.height * 4).fill(255);
    eachPanelPixel(grid, (index, firstX, endX, firstY, endY) => {
        let red = 0;
        let green = 0;
        let blue = 0;
        for (let y = firstY; y < endY; y++) {
            const end = (y * imageWidth + endX) * 3;
            for (let k = (y * imageWidth + firstX) * 3; k < end; k += 3) {
                red += image[k] ?? 0;
                green += image[k + 1] ?? 0;
                blue += image[k + 2] ?? 0;
            }
        }
        const count = (endY - firstY) * (endX - firstX);
        const out = 4 * index;
        pixels[out] = red / count;
        pixels[out + 1] = green / count;
        pixels[out + 2] = blue / count;
    });
    return pixels;
}
