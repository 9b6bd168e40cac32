/** Size of the largest ROIs of the record, in px. */
export const SCENE = { width: 3328, height: 2560 } as const;

export interface Scene {
  /** RGB, three bytes per pixel. */
  readonly image: Uint8Array;
  /** Labels 0 to 16; regions of some 200 px. */
  readonly truth: Uint8Array;
  /** Like `truth`, with other borders and some wrong regions. */
  readonly prediction: Uint8Array;
}

/** Creates a synthetic ROI, always the same: tissue regions with wavy borders, cells in them, noise over everything. */
export function makeScene(): Scene {
  const { width, height } = SCENE;
  const truth = new Uint8Array(width * height);
  const prediction = new Uint8Array(width * height);
  const image = new Uint8Array(width * height * 3);
  let state = 1;
  for (let y = 0, k = 0; y < height; y++) {
    for (let x = 0; x < width; x++, k++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const noise = state >>> 24;
      const label = regionAt(x, y, 0);
      const isBorder = x < 90 || y < 70 || x >= width - 110 || y >= height - 60;
      truth[k] = isBorder ? 0 : label;
      prediction[k] = noise === 0 ? (label + 3) % 17 : regionAt(x, y, 0.12);
      const isNucleus = Math.sin(x / 9 + label) * Math.sin(y / 8 + label) > 0.6;
      image[k * 3] = (isNucleus ? 96 : 200 - label * 3) + noise / 8;
      image[k * 3 + 1] = (isNucleus ? 60 : 140 + label * 2) + noise / 8;
      image[k * 3 + 2] = (isNucleus ? 130 : 190) + noise / 8;
    }
  }
  return { image, truth, prediction };
}

function regionAt(x: number, y: number, shift: number): number {
  const column = Math.floor(x / 230 + 0.4 * Math.sin(y / 70 + shift) + shift);
  const row = Math.floor(y / 190 + 0.4 * Math.sin(x / 60 - shift));
  return 1 + ((column * 7 + row * 11 + 32) % 16);
}
