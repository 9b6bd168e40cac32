/** µm per px of the images that the paper's models were trained on, and in which custom models get theirs. */
export const MODEL_MPP = 0.5;
/** What one image may differ from it without another word: a twentieth. */
const NEAR = 0.05;

/** Whether images of `mpp` µm per px are those that the models know. */
export function suitsModels(mpp: number): boolean {
  return Math.abs(mpp / MODEL_MPP - 1) <= NEAR;
}
