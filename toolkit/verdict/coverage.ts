import { counted } from '../format.ts';
import type { Verdict } from './verdict-file.ts';

const MAX_NAMED = 3;

/**
 * Warns that a verdict covers only part of the test set if some ROIs could not be compared.
 *
 * @param rois - All ROIs of the test set.
 * @returns A warning; empty if all ROIs were compared, or none: then the verdict itself says so.
 */
export function partialCoverage(
  rois: readonly { readonly roi: string; readonly verdict: Verdict; readonly reason?: string | undefined }[],
): readonly string[] {
  const left = rois.filter(({ verdict }) => verdict === 'not comparable');
  if (left.length === 0 || left.length === rois.length) return [];
  const named = left.slice(0, MAX_NAMED).map(({ roi, reason }) => (reason === undefined ? roi : `${roi}: ${reason}`));
  const more = left.length - named.length;
  return [
    `WARNING: The verdict covers only ${rois.length - left.length} of ${counted(rois.length, 'ROI')}. Not compared: ` +
      `${named.join(' ')}${more > 0 ? ` And ${more} more.` : ''}`,
  ];
}
