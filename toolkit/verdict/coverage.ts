import { counted } from '../format.ts';
import type { Verdict } from './verdict-file.ts';

const MAX_NAMED = 3;

/**
 * Says that a verdict is about a part of the test set only, where some of it could not be compared.
 *
 * @param rois - All of the test set.
 * @returns A warning, or none: where nothing could be compared, the verdict says so itself.
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
