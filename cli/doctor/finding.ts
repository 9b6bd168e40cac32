/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  readonly status: 'pass' | 'warn' | 'fail';
  readonly detail: string;
  /** What to do about it; missing where nothing is to be done. */
  readonly remedy?: string;
}
