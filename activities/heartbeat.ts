import { Context } from '@temporalio/activity';

/**
 * Keeps an activity's heart beating through stretches that report nothing: decoding, hashing, writing.
 * The last progress is sent again, so that the Temporal UI always shows where the step is.
 *
 * @param first - Shown until `report` is called.
 * @param work - Gets `report`, which sends progress at once (the SDK throttles it).
 */
export async function withHeartbeat<Result>(
  first: unknown,
  work: (report: (progress: unknown) => void) => Promise<Result>,
): Promise<Result> {
  const context = Context.current();
  let latest = first;
  const beat = () => context.heartbeat(latest);
  beat();
  const timer = setInterval(beat, Math.max(250, (context.info.heartbeatTimeoutMs ?? 40_000) / 4));
  timer.unref();
  try {
    return await work((progress) => {
      latest = progress;
      beat();
    });
  } finally {
    clearInterval(timer);
  }
}
