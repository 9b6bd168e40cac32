import type { StepCache } from '../toolkit/cache/step-cache.ts';
import type { RunFolders } from './inputs.ts';

/** A worker's services with the cache as a run sees it: a fresh run finds nothing of earlier ones. */
export function ofRun<Services extends { readonly cache: StepCache }>(
  services: Services,
  { generation }: RunFolders,
): Services {
  return { ...services, cache: services.cache.of(generation) };
}
