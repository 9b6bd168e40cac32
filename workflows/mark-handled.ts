/** Marks a promise as handled: a rejection before its `await` does not fail the workflow task. */
export function markHandled<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => undefined);
  return promise;
}
