export { acquire } from './acquire.ts';
export { inferBatch } from './infer-batch.ts';
export { measureDiscrepancies } from './measure-discrepancies.ts';
export { predictImages } from './predict-images.ts';
export { repeatReproduction, reproduce } from './reproduce.ts';
export { validateTask } from './validate-task.ts';
