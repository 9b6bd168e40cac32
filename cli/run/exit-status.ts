import type { Summary } from '../../toolkit/report/summary.ts';
import { EXIT } from '../output.ts';

/** The exit status that a closed run deserves: failed ROIs weigh more than a verdict. */
export function exitStatusOf({ status, tasks }: Summary): number {
  if (status === 'failed' || status === 'cancelled') return EXIT.error;
  if (status === 'partial') return EXIT.partial;
  return Object.values(tasks).some(({ verdict }) => verdict === 'differs') ? EXIT.differs : EXIT.done;
}
