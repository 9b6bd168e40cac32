import { z } from 'zod';
/** What the discrepancy ledger measures besides what costs nothing. */
export const LedgerConfig = z
    .strictObject({
    full: z
        .boolean()
        .default(false)
        .describe('Whether the ROIs whose tiles another rounding of the sliding window would move are segmented again with it. ' +
        'Default: false.'),
})
    .describe('The discrepancy ledger.');
