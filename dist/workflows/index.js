export { acquire } from './acquire.js';
export { detectNuclei, detectPdl1 } from './detect-cells.js';
export { inferChunk } from './infer-chunk.js';
export { predictImages } from './predict-images.js';
export { reproduce } from './reproduce.js';
export { segmentTissue } from './segment-tissue.js';
