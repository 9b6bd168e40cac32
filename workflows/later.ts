/** Lets a step run while others do: a rejection waits for the `await`, instead of failing the workflow task. */
export function later<Result>(step: Promise<Result>): Promise<Result> {
  step.catch(() => undefined);
  return step;
}
