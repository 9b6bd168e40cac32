import { type ModelMethod, RGB_SOFTMAX } from '../../../../toolkit/nnunet/model-card.ts';
import type { FoldNetworks } from '../../../../toolkit/nnunet/networks/ort-fold-networks.ts';
import type { Size } from '../../../../toolkit/nnunet/sliding-window/tile-grid.ts';

/**
 * Networks in plain code whose softmax depends on colour, on the place within the tile, on class and on fold, so that
 * every mistake in geometry, weights or order shows.
 */
export function fakeNetworks(
  patch: Size,
  classes: number,
  folds: number,
  method: ModelMethod = RGB_SOFTMAX,
): FoldNetworks & { readonly runs: () => number } {
  let runs = 0;
  const plane = patch.height * patch.width;
  return {
    patch,
    classes,
    folds,
    method,
    runs: () => runs,
    async run(fold, input, softmax) {
      runs++;
      for (let at = 0; at < plane; at++) {
        const [r, g, b] = [input[at] ?? 0, input[at + plane] ?? 0, input[at + 2 * plane] ?? 0];
        const logits = Array.from(
          { length: classes },
          (_, c) =>
            3 *
            Math.sin(
              7 * r * (c + 1) + 5 * g * (fold + 1) + 3 * b + 0.37 * (at % patch.width) + 0.11 * (at / patch.width),
            ),
        );
        const exponentials = logits.map(Math.exp);
        const total = exponentials.reduce((sum, each) => sum + each, 0);
        exponentials.forEach((each, c) => {
          softmax[at * classes + c] = method.decision.kind === 'softmax' ? each / total : (logits[c] ?? 0);
        });
      }
    },
    async releaseLargeNetworks() {},
  };
}
