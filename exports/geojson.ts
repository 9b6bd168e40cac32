/**
 * Traces label masks as GeoJSON that QuPath opens.
 *
 * @module
 */
export type { LabelMask } from '../toolkit/geojson/label-runs.ts';
export { type Region, traceRegions } from '../toolkit/geojson/trace-regions.ts';
export { type WriteRegionsOptions, writeRegions } from '../toolkit/geojson/write-regions.ts';
