export { acquire } from './acquire.ts';
export { detectNuclei, detectPdl1 } from './detect-cells.ts';
export { inferChunk } from './infer-chunk.ts';
export { predictImages } from './predict-images.ts';
export { reproduce } from './reproduce.ts';
export { segmentTissue } from './segment-tissue.ts';
