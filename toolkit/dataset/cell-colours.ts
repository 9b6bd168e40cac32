/** RGB colours of the classes of cells, in class order, as in the paper's figures: blue, red, yellow. */
export const CELL_COLOURS = [
  [0, 0, 255],
  [255, 0, 0],
  [255, 255, 0],
] as const;

/** The same colours for canvas and SVG. @example CELL_COLOURS_CSS[0] // "rgb(0,0,255)" */
export const CELL_COLOURS_CSS: readonly string[] = CELL_COLOURS.map((channels) => `rgb(${channels.join(',')})`);
