import { z } from 'zod';

/** How a result stands to the published one. */
export const Verdict = z.enum(['reproduced', 'within tolerance', 'differs', 'not comparable']);
export type Verdict = z.infer<typeof Verdict>;

const BADNESS: Readonly<Record<Verdict, number>> = {
  'not comparable': 0,
  reproduced: 1,
  'within tolerance': 2,
  differs: 3,
};

/** The worst of several verdicts; `not comparable` only where all are. */
export function worstOf(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce<Verdict>((worst, each) => (BADNESS[each] > BADNESS[worst] ? each : worst), 'not comparable');
}
