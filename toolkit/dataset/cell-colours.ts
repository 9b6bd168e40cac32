/** Red, green and blue of the classes of cells in their order, as the paper's figures have them: blue, red, yellow. */
export const CELL_COLOURS = [
  [0, 0, 255],
  [255, 0, 0],
  [255, 255, 0],
] as const;

/** The same for canvas and SVG. @example CELL_COLOURS_CSS[0] // "rgb(0,0,255)" */
export const CELL_COLOURS_CSS: readonly string[] = CELL_COLOURS.map((channels) => `rgb(${channels.join(',')})`);
