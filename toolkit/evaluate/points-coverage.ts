import type { CellPoint } from '../dataset/cell-point.ts';
import type { ReaderAnnotations } from '../dataset/readers-annotations.ts';
import type { PointsCoverage } from '../verdict/evaluation-intervals.ts';

/** Points are written with two decimals, so that one on the border may be this far outside, in px. */
const ROUNDING = 0.005;
const MOST_NAMED = 5;

/** What a folder of points leaves out of the images of a task, and what it has where no reader looked. */
export function coverageOf(
  { images }: ReaderAnnotations,
  found: ReadonlyMap<string, readonly CellPoint[]>,
): PointsCoverage {
  const stems = images.map(({ stem }) => stem);
  const outside = images.map(({ stem, annotatedXyxy: [left, top, right, bottom] }) => {
    const isInside = ({ x, y }: CellPoint) =>
      x >= left - ROUNDING && x <= right + ROUNDING && y >= top - ROUNDING && y <= bottom + ROUNDING;
    return (found.get(stem) ?? []).filter((point) => !isInside(point)).length;
  });
  return {
    images: images.length,
    withoutFile: stems.filter((stem) => !found.has(stem)),
    withoutPoints: stems.filter((stem) => found.get(stem)?.length === 0),
    points: [...found.values()].reduce((sum, points) => sum + points.length, 0),
    outsideBox: outside.reduce((sum, count) => sum + count, 0),
  };
}

/** What has to be known to read the numbers, a sentence each. */
export function describeCoverage({ images, withoutFile, points, outsideBox }: PointsCoverage): readonly string[] {
  const warnings: string[] = [];
  if (withoutFile.length > 0) {
    const named = withoutFile.slice(0, MOST_NAMED).join(', ');
    const more = withoutFile.length > MOST_NAMED ? ` and ${withoutFile.length - MOST_NAMED} more` : '';
    warnings.push(
      `WARNING: ${withoutFile.length} of ${images} images have no file of points: every cell on them counts as missed. ${named}${more}.`,
    );
  }
  if (outsideBox > 0) {
    warnings.push(
      `WARNING: ${outsideBox} of ${points} points are outside the annotated box of their image, where no reader looked: ` +
        'each counts as a false alarm. The paper leaves such points out when it detects.',
    );
  }
  return warnings;
}
