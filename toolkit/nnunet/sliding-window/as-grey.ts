import { ReigniteError } from '../../errors.ts';
import { turnIntoLuma } from '../../image/luma.ts';
import type { ModelMethod } from '../model-method.ts';

/**
 * Makes pixels grey for networks with one channel: by their luma if the model says so, else they must be grey already.
 *
 * @param rgb - pixels x 3 uint8; overwritten if their luma is used.
 * @param of - Their file, and what it is called in a message: images or slides.
 * @throws ReigniteError IMAGE_UNREADABLE if a pixel is in colour but must be grey.
 */
export function asGrey(
  rgb: Uint8Array,
  { takesLuma }: Pick<ModelMethod, 'takesLuma'>,
  { path, kind }: { readonly path: string; readonly kind: 'images' | 'slides' },
): void {
  if (takesLuma === true) {
    turnIntoLuma(rgb);
    return;
  }
  for (let at = 0; at < rgb.length; at += 3) {
    if (rgb[at] === rgb[at + 1] && rgb[at] === rgb[at + 2]) continue;
    throw new ReigniteError('IMAGE_UNREADABLE', `${path} is in colour, but the model needs one grey channel.`, {
      remedy: `Use grey ${kind}, as in the training.`,
    });
  }
}
