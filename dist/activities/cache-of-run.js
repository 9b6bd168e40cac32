/** A worker's services with the cache as a run sees it: a fresh run finds nothing of earlier ones. */
export function ofRun(services, { generation }) {
    return { ...services, cache: services.cache.of(generation) };
}
