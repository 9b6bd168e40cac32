import type { CacheEntry, KeyParts } from '../cache/step-cache.ts';
import { pointsDigest } from './cells-files.ts';
import type { DetectionSettings } from './definition.ts';
import { type Box, type NetworkSetup, networkParts, type RoiSources } from './work.ts';

/** Raised whenever the code that makes a step's outputs changes what it makes. */
const SCHEMA = { detect: 1, figure: 2 } as const;

/** What the points and candidates of an image depend on. */
export function detectKey(
  box: Box | undefined,
  { image }: Pick<RoiSources, 'image'>,
  setup: NetworkSetup,
  { tile, confidence, iou }: DetectionSettings,
): KeyParts {
  return {
    step: 'detect-cells',
    schema: SCHEMA.detect,
    image,
    box: box?.join(' ') ?? 'none',
    tile,
    confidence,
    iou,
    ...networkParts(setup),
  };
}

/** What the figure of a detection image depends on. */
export function cellsFigureKey(roi: string, { image, truth }: RoiSources, entry: CacheEntry): KeyParts {
  const points = pointsDigest(entry);
  return { step: 'draw-cells', schema: SCHEMA.figure, roi, image, annotations: truth, points };
}
