/** Marks a promise as handled: a rejection waits for the `await`, instead of failing the workflow task. */
export function markHandled<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => undefined);
  return promise;
}
