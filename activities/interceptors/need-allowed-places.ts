import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import type { AllowedPlaces } from '../../toolkit/access/allowed-places.ts';
import { placesNamedIn } from '../../toolkit/access/named-places.ts';

/**
 * Runs an activity only where its input names nothing but what the worker may use. Whoever reaches the Temporal server
 * can start any activity with any input; this is the one place that every one of them passes.
 */
export function needAllowedPlaces(allowed: AllowedPlaces) {
  return (): ActivityInboundCallsInterceptor => ({
    async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
      await allowed.check(placesNamedIn(input.args));
      return next(input);
    },
  });
}
