export { acquire } from './acquire.ts';
export { measureDiscrepancies } from './measure-discrepancies.ts';
export { predictImages } from './predict-images.ts';
export { repeatReproduction, reproduce } from './reproduce.ts';
export { inferBatch, validateTask } from './validate-task.ts';
