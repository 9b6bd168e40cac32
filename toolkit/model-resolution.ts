/**
 * µm/px of the images that the paper's models were trained on. Images for custom models are resampled to it as well.
 */
export const MODEL_MPP = 0.5;
/** Relative deviation that is accepted silently: 5 %. */
const NEAR = 0.05;

/** Returns whether a pixel size in µm/px is close enough to what the models expect. */
export function suitsModels(mpp: number): boolean {
  return Math.abs(mpp / MODEL_MPP - 1) <= NEAR;
}
