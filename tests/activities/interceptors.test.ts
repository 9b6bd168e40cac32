import { ApplicationFailure, Context } from '@temporalio/activity';
import { ActivityCancellationDetails, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createErrorInterceptor } from '../../activities/interceptors.ts';
import { ReigniteError } from '../../toolkit/errors.ts';

/** Runs `work` as an activity behind the interceptor and returns what comes out. */
function thrownBy(work: () => unknown, environment = new MockActivityEnvironment()): Promise<unknown> {
  return environment
    .run(async () => {
      const { execute } = createErrorInterceptor(Context.current());
      return execute?.({ args: [], headers: {} }, async () => work());
    })
    .then(
      () => undefined,
      (error: unknown) => error,
    );
}

const fail = (error: unknown) => () => {
  throw error;
};

describe('the error interceptor', () => {
  it('keeps code, cause and remedy of a ReigniteError, and whether it can be retried', async () => {
    const failure = await thrownBy(fail(new ReigniteError('IMAGE_UNREADABLE', 'a.png is not an image.')));
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({
      type: 'IMAGE_UNREADABLE',
      nonRetryable: true,
      details: [{ code: 'IMAGE_UNREADABLE', cause: 'a.png is not an image.', remedy: expect.stringMatching(/\w/) }],
    });
    expect(await thrownBy(fail(new ReigniteError('NETWORK', 'cut')))).toMatchObject({ nonRetryable: false });
  });

  it('passes on the wait that the server requests', async () => {
    const limited = new ReigniteError('RATE_LIMITED', 'too many requests', { retryAfterMs: 7_000 });
    expect(await thrownBy(fail(limited))).toMatchObject({ nextRetryDelay: 7_000, nonRetryable: false });
  });

  it('names the invalid fields of an activity input', async () => {
    const failure = await thrownBy(() => z.object({ roi: z.string() }).parse({ roi: 3 }));
    expect(failure).toMatchObject({ type: 'CONFIG_INVALID', nonRetryable: true });
  });

  it('names the path of a system error, as the commands do', async () => {
    const refused = { code: 'EACCES', syscall: 'mkdir', path: '/results' };
    expect(await thrownBy(fail(Object.assign(new Error('no'), refused)))).toMatchObject({
      type: 'NOT_WRITABLE',
      nonRetryable: true,
    });
    const full = { code: 'ENOSPC', syscall: 'write' };
    expect(await thrownBy(fail(Object.assign(new Error('no'), full)))).toMatchObject({ type: 'NO_SPACE' });
  });

  it('retries unexpected errors, but not forever', async () => {
    expect(await thrownBy(fail(new TypeError('odd')))).toMatchObject({ type: 'INTERNAL', nonRetryable: false });
    const fifth = new MockActivityEnvironment({ attempt: 5 });
    expect(await thrownBy(fail(new TypeError('odd')), fifth)).toMatchObject({ type: 'INTERNAL', nonRetryable: true });
  });

  it('passes cancellation on, whatever error the code threw', async () => {
    const environment = new MockActivityEnvironment();
    const thrown = thrownBy(async () => {
      await new Promise((resolve) => Context.current().cancellationSignal.addEventListener('abort', resolve));
      throw new Error('stream closed');
    }, environment);
    environment.cancel('CANCELLED');
    expect(await thrown).toBeInstanceOf(CancelledFailure);
  });

  it('hands an activity over quickly at each worker shutdown, however many there were', async () => {
    const environment = new MockActivityEnvironment({ attempt: 9 });
    const thrown = thrownBy(() => Context.current().cancelled, environment);
    environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
    expect(await thrown).toMatchObject({ type: 'WorkerShutdown', nonRetryable: false, nextRetryDelay: 1_000 });
  });
});
