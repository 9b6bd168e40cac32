/**
 * Waits for something that may fail without harm, such as the removal of what is no longer needed.
 *
 * @param _why - Why a failure does no harm; for the reader of the code.
 */
export async function bestEffort(promise: Promise<unknown>, _why: string): Promise<void> {
  await promise.catch(() => undefined);
}
