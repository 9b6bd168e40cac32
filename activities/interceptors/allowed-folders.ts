import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { z } from 'zod';
import { ReigniteError } from '../../toolkit/errors.ts';
import { type AllowedPlaces, placesNamedIn } from '../../toolkit/files/allowed-places.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { ModelRef, RunFolders } from '../inputs.ts';

/** How long a worker that lacks a folder keeps its slot, in ms, so that other workers take the waiting activities. */
const HOLD_MS = 5_000;
/** After this many hand-overs, no worker is assumed to have the folder. */
const LAST_ATTEMPT = 30;

const Step = z.object({ folders: RunFolders, model: ModelRef.optional() });

/**
 * Hands an activity over to another worker if this machine lacks a folder of the run: data, results, or the model in
 * the state directory. The failure says so, and no ROI fails because of it.
 *
 * For queues whose activities need these folders: inference and render.
 */
export function needFolders(home: HomeFolders) {
  return (context: Context): ActivityInboundCallsInterceptor => ({
    async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
      const missing = missingFolder(input.args[0], home);
      if (missing === undefined) return next(input);
      const message = `The folder ${missing} of the run is not on this machine (${hostname()}).`;
      context.log.warn(message);
      await context.sleep(Math.min(HOLD_MS, (context.info.heartbeatTimeoutMs ?? HOLD_MS) / 2));
      const isLast = context.info.attempt >= LAST_ATTEMPT;
      throw new ReigniteError(isLast ? 'FILE_MISSING' : 'FOLDER_UNAVAILABLE', message, {
        remedy: 'Share data, results and state directory with this machine under the same paths, or stop its worker.',
      });
    },
  });
}

function missingFolder(step: unknown, home: HomeFolders): string | undefined {
  const { data } = Step.safeParse(step);
  if (data === undefined) return undefined;
  const models = data.model === undefined ? [] : [join(home.models, data.model.digest)];
  return [data.folders.data, data.folders.results, ...models].find((folder) => !existsSync(folder));
}

/**
 * Runs an activity only if its input names no place that the worker may not use. Anyone with access to the Temporal
 * server can start any activity with any input; all of them pass through here.
 *
 * @param isElsewhere - Whether the worker uses its own folders instead of the run's, and never the user's models. Paths
 *   that leave a folder are rejected in any case.
 */
export function needAllowedPlaces(allowed: AllowedPlaces, isElsewhere = false) {
  return (): ActivityInboundCallsInterceptor => ({
    async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
      await allowed.check(placesNamedIn(isElsewhere ? input.args.map(withoutFolders) : input.args));
      return next(input);
    },
  });
}

/** Fields that a worker with its own folders never uses as paths. */
const UNUSED: ReadonlySet<string> = new Set(['folders', 'settings']);

function withoutFolders(step: unknown): unknown {
  if (typeof step !== 'object' || step === null || Array.isArray(step)) return step;
  return Object.fromEntries(Object.entries(step).filter(([name]) => !UNUSED.has(name)));
}
