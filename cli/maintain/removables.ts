/** The kinds of files that `clean` removes, and what removing them costs. */
export const REMOVABLE = {
  cache: 'cached results; a run computes them again',
  partial: 'unfinished ROIs and downloads; they start again',
  scratch: 'files fetched from object storage; a worker fetches them again',
  models: 'converted networks; converting again takes minutes',
  runs: 'plans and failures of closed runs; `why` shows less about them',
  logs: 'logs of workers and servers',
  databases: 'databases that the server could not open',
  gpu: 'CUDA provider and NVIDIA libraries in your cache folder; deleted only if named',
  archives: 'downloaded archives whose contents are in the data folder',
} as const;
export type Removable = keyof typeof REMOVABLE;

/** The kinds in the order in which they are listed. */
export const REMOVABLES: readonly Removable[] = [
  'cache',
  'partial',
  'scratch',
  'models',
  'runs',
  'logs',
  'databases',
  'gpu',
  'archives',
];
