import { adapterNames } from '../../onnx/provider/adapter.ts';
import type { Inferred } from '../infer-once.ts';
import type { ImagePrediction } from '../prediction.ts';
import type { SeenSlide } from './seen-slide.ts';

/** Builds the fields that slide predictions of all tasks have in common. Sizes are in px of the largest level. */
export function describeSlide(
  { image, name }: { readonly image: string; readonly name: string },
  {
    slide,
    view,
    sha256,
    mpp,
  }: Pick<SeenSlide, 'mpp' | 'sha256'> & {
    readonly slide: Pick<SeenSlide['slide'], 'width' | 'height'>;
    readonly view: Pick<SeenSlide['view'], 'width' | 'height'>;
  },
  { entry, facts, isCached }: Omit<Inferred, 'entry'> & { readonly entry: Pick<Inferred['entry'], 'key'> },
): Pick<
  ImagePrediction,
  | 'image'
  | 'name'
  | 'sha256'
  | 'width'
  | 'height'
  | 'mpp'
  | 'resampledTo'
  | 'cached'
  | 'key'
  | 'provider'
  | 'adapter'
  | 'driver'
  | 'seconds'
> {
  const isResampled = view.width !== slide.width || view.height !== slide.height;
  return {
    image,
    name,
    sha256,
    width: slide.width,
    height: slide.height,
    ...(mpp !== undefined && { mpp }),
    ...(isResampled && { resampledTo: { width: view.width, height: view.height } }),
    cached: isCached,
    key: entry.key,
    provider: facts.provider,
    ...adapterNames(facts),
    seconds: isCached ? 0 : facts.seconds,
  };
}
