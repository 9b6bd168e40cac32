import { ReigniteError } from '../toolkit/errors.js';
import { packageVersion } from '../toolkit/package-version.js';
import { environment, recordEnvironment } from '../toolkit/report/environment.js';
/**
 * Results are kept under the provider that the plan named: a worker of another kind must not fill that place.
 *
 * @throws ReigniteError PROVIDER_UNAVAILABLE.
 */
export function refuseOtherEngine(ran, engine) {
    if (ran.provider === engine.provider && ran.ortVersion === engine.ortVersion)
        return;
    throw new ReigniteError('PROVIDER_UNAVAILABLE', `This worker runs ${ran.provider} of ONNX Runtime ${ran.ortVersion}; ` +
        `the run began with ${engine.provider} of ${engine.ortVersion}.`, { remedy: 'Use inference workers of one kind for a run, or name the provider with `--set inference.provider=`.' });
}
/** Writes down what this ROI was inferred on: a run may have workers on several machines. */
export async function recordInference(results, engine) {
    await recordEnvironment(results, environment('inference', packageVersion(), engine));
}
