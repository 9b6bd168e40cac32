import type { CellTask } from '../../../config/tasks.ts';
import { areaOfRegion, pointTest } from '../../slide/predict/region-shape.ts';
import type { SlideRegion } from '../../slide/predict/slide-regions.ts';
import { cellDefinition } from '../../tasks/registry.ts';
import type { FoundCell } from '../found-cell.ts';

/** PD-L1 positive tumour cells among all tumour cells, for research only. */
export interface TumourShare {
  readonly positive: number;
  readonly negative: number;
  /** 0 to 100; null if there is no tumour cell. */
  readonly percent: number | null;
}

/** The cells of a region that the user drew. */
export interface RegionCells {
  readonly name: string;
  /** Missing if the pixel size is unknown. */
  readonly mm2?: number;
  /** Number of cells per class, by class number. */
  readonly counts: readonly number[];
  readonly tumour?: TumourShare;
}

/** Returns the class numbers of tumour cells; undefined if the task or the model does not have them. */
export function tumourClasses(task: CellTask, names: readonly string[]) {
  const definition = cellDefinition(task);
  if (!('tumourProportion' in definition) || definition.tumourProportion === undefined) return undefined;
  const { positive, negative } = definition.tumourProportion;
  const numberOf = (wanted: string) => {
    const byName = names.findIndex((name) => name.toLowerCase() === wanted);
    return byName >= 0
      ? byName
      : names.findIndex((name) => definition.classOfName(name.toLowerCase()) === definition.classes.indexOf(wanted));
  };
  const found = { positive: numberOf(positive), negative: numberOf(negative) };
  return found.positive < 0 || found.negative < 0 ? undefined : found;
}

/** Computes the tumour proportion from counts per class. */
export function tumourShare(
  counts: readonly number[],
  classes: { readonly positive: number; readonly negative: number },
): TumourShare {
  const [positive, negative] = [counts[classes.positive] ?? 0, counts[classes.negative] ?? 0];
  const tumour = positive + negative;
  return { positive, negative, percent: tumour === 0 ? null : (100 * positive) / tumour };
}

/** The slide on which regions were drawn. */
interface RegionSlide {
  readonly width: number;
  readonly height: number;
  /** µm per px. */
  readonly mpp?: number;
}

/** Counts the cells of each region. @returns Also what is unusual about its outline. */
export function cellsOfRegions(
  regions: readonly SlideRegion[],
  cells: readonly FoundCell[],
  classes: number,
  { mpp, ...frame }: RegionSlide,
  tumour: ReturnType<typeof tumourClasses>,
): readonly (RegionCells & { readonly remark?: string })[] {
  return regions.map((region) => {
    const isInside = pointTest(region.polygons);
    const { area, remark } = areaOfRegion(region.polygons, frame);
    const counts: number[] = Array(classes).fill(0);
    for (const cell of cells) {
      if (isInside(cell.x, cell.y)) counts[cell.class] = (counts[cell.class] ?? 0) + 1;
    }
    return {
      name: region.name,
      ...(mpp !== undefined && { mm2: (area * mpp * mpp) / 1e6 }),
      counts,
      ...(tumour && { tumour: tumourShare(counts, tumour) }),
      ...(remark !== undefined && { remark }),
    };
  });
}
