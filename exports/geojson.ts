/**
 * Traces the regions of label masks and writes them as GeoJSON for QuPath.
 *
 * @example
 * import { traceRegions } from 'reignite/geojson';
 * for (const { label, area } of traceRegions(mask, (value) => value > 0)) console.log(label, area);
 *
 * @module
 */
export { type LabelMask, type Region, traceRegions } from '../toolkit/geojson/trace-regions.ts';
export { type WriteRegionsOptions, writeRegions } from '../toolkit/geojson/write-features.ts';
