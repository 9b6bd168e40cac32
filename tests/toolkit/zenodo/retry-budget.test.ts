import { describe, expect, it } from 'vitest';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { RetryBudget } from '../../../toolkit/zenodo/http/retry-budget.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const LIMITS = { retryTimeoutMs: 60_000, diskFullTimeoutMs: 20_000, retryMs: 1_000 };
const network = new ReigniteError('NETWORK', 'Cut.');

/** Failures of one file, at times of a clock that the test has in its hands. */
async function prepared() {
  const folder = await temporaryFolder();
  const fails = (error: unknown, at: number, bytes = 0, execution = 'run') =>
    new RetryBudget(folder).after(error, { subject: 'a.bin', execution, bytes, startedAt: at }, LIMITS, at);
  return { fails };
}

describe('retry budget', () => {
  it('waits longer after each failure, and ends within the configured time', async () => {
    const { fails } = await prepared();
    const waits: number[] = [];
    let now = 1_000_000;
    for (;;) {
      const error = await fails(network, now);
      if (!(error instanceof ReigniteError)) throw error;
      if (!error.retryable) {
        expect(error).toMatchObject({ code: 'NETWORK', remedy: expect.stringContaining('same command') });
        break;
      }
      waits.push(error.retryAfterMs ?? Number.NaN);
      now += error.retryAfterMs ?? Number.NaN;
    }
    expect(waits[1]).toBeGreaterThan(waits[0] ?? 0);
    expect(now - 1_000_000).toBeGreaterThanOrEqual(LIMITS.retryTimeoutMs);
    expect(now - 1_000_000).toBeLessThan(LIMITS.retryTimeoutMs * 1.1);
  });

  it('starts again after a byte, for another run, and after a time without attempts', async () => {
    const { fails } = await prepared();
    for (let k = 0; k < 5; k++) await fails(network, 1_000 * k);
    expect(await fails(network, 100_000, 1)).toMatchObject({ retryable: true });
    expect(await fails(network, 200_000, 1, 'another run')).toMatchObject({ retryable: true });
    expect(await fails(network, 200_000 + 10 * LIMITS.retryTimeoutMs, 1, 'another run')).toMatchObject({
      retryable: true,
    });
  });

  it('waits as long as the server requests', async () => {
    const { fails } = await prepared();
    const asked = new ReigniteError('RATE_LIMITED', 'Wait.', { retryAfterMs: 45_000 });
    const error = await fails(asked, 0);
    expect(error).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
    expect(error instanceof ReigniteError && error.retryAfterMs).toBeGreaterThanOrEqual(45_000);
  });

  it('waits separately for disk space, and says how to resume', async () => {
    const { fails } = await prepared();
    const full = new ReigniteError('NO_SPACE', 'Full.');
    expect(await fails(full, 0)).toMatchObject({ retryable: true, remedy: expect.stringContaining('Free disk space') });
    expect(await fails(full, LIMITS.diskFullTimeoutMs + 1)).toMatchObject({ code: 'NO_SPACE', retryable: false });
  });

  it('does not count a network outage as time without disk space', async () => {
    const { fails } = await prepared();
    const full = new ReigniteError('NO_SPACE', 'Full.');
    await fails(network, 0);
    expect(await fails(full, LIMITS.diskFullTimeoutMs + 1)).toMatchObject({ code: 'NO_SPACE', retryable: true });
    expect(await fails(full, 2 * LIMITS.diskFullTimeoutMs + 2)).toMatchObject({ code: 'NO_SPACE', retryable: false });
  });

  it('ignores errors that are neither network nor disk space', async () => {
    const { fails } = await prepared();
    const error = new ReigniteError('CHECKSUM_MISMATCH', 'Wrong.');
    expect(await fails(error, 0)).toBe(error);
  });
});
