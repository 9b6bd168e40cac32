import type { Engine, ModelJob } from './roi-job.ts';

/** What the thread of networks is asked. `job` names the model every time: a thread that died is followed by an empty one. */
export type NetworksRequest = { readonly job: ModelJob } & (
  | { readonly kind: 'open' }
  /** The arrays lie in shared memory. */
  | { readonly kind: 'run'; readonly fold: number; readonly input: Float32Array; readonly output: Float32Array }
  | { readonly kind: 'relax' }
);

export type NetworksAnswer = { readonly kind: 'opened'; readonly engine: Engine } | { readonly kind: 'done' };
