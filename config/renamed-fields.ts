/** Fields of configurations written before the release of 0.1.0, with their current names. */
export const RENAMED_FIELDS: Readonly<Record<string, string>> = {
  'verdict.he.sameDiffering': 'verdict.he.reproduced.maxDifferingFraction',
  'verdict.he.sameMargin': 'verdict.he.reproduced.maxConfidence',
  'verdict.he.nearDiffering': 'verdict.he.tolerance.maxDifferingFraction',
  'verdict.he.nearMargin': 'verdict.he.tolerance.maxConfidence',
  'verdict.he.nearMarginShare': 'verdict.he.tolerance.minLowConfidenceFraction',
  'verdict.he.nearDice': 'verdict.he.tolerance.maxDiceDifference',
  'verdict.he.halfPrecisionMargin': 'verdict.he.maxHalfPrecisionConfidence',
  'verdict.he.smallClass': 'verdict.he.minClassPixels',
  'verdict.cells.sameDistance': 'verdict.cells.reproduced.maxDistance',
  'verdict.cells.sameScore': 'verdict.cells.reproduced.maxScoreDifference',
  'verdict.cells.nearDistance': 'verdict.cells.tolerance.maxDistance',
  'verdict.cells.nearMatched': 'verdict.cells.tolerance.minMatchedFraction',
  'verdict.cells.nearF1': 'verdict.cells.tolerance.maxF1Difference',
  'zenodo.serve': 'zenodo.serveFrom',
  'zenodo.stallSeconds': 'zenodo.stallTimeoutSeconds',
  'zenodo.patienceSeconds': 'zenodo.retryTimeoutSeconds',
  'zenodo.spaceSeconds': 'zenodo.diskFullTimeoutSeconds',
  'temporal.throttleSeconds': 'temporal.heartbeatThrottleSeconds',
  'temporal.window': 'temporal.maxConcurrentRois',
  'temporal.pageSize': 'temporal.batchSize',
  'ledger.full': 'discrepancies.full',
};

/**
 * Finds the fields of a configuration that have been renamed.
 *
 * @param fields - A configuration before validation.
 * @returns Pairs of old and new name, in the order of the table; empty if no field was renamed.
 * @example renamedFields({ temporal: { window: 8 } }) // [['temporal.window', 'temporal.maxConcurrentRois']]
 */
export function renamedFields(fields: unknown): readonly (readonly [string, string])[] {
  return Object.entries(RENAMED_FIELDS).filter(([path]) => hasField(fields, path.split('.')));
}

function hasField(fields: unknown, [name = '', ...inner]: readonly string[]): boolean {
  if (typeof fields !== 'object' || fields === null || !Object.hasOwn(fields, name)) return false;
  return inner.length === 0 || hasField(Reflect.get(fields, name), inner);
}
