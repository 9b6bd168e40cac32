import { z } from 'zod';
/** How a result stands to the published one. */
export const Verdict = z.enum(['reproduced', 'within tolerance', 'differs', 'not comparable']);
const BADNESS = {
    'not comparable': 0,
    reproduced: 1,
    'within tolerance': 2,
    differs: 3,
};
/** The worst of several verdicts; `not comparable` only where all are. */
export function worstOf(verdicts) {
    return verdicts.reduce((worst, each) => (BADNESS[each] > BADNESS[worst] ? each : worst), 'not comparable');
}
