import { InferenceSession } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { openSession, type SessionOptions } from './session.ts';

/**
 * Opens a model on the CPU as runs do.
 *
 * @param laidOut - As in `SessionOptions`.
 * @throws ReigniteError MODEL_UNREADABLE.
 */
export async function openAsInRuns(
  path: string,
  laidOut: NonNullable<SessionOptions['laidOut']>,
): Promise<InferenceSession> {
  return (await openSession(path, { provider: 'cpu', laidOut })).session;
}

/**
 * Opens a model on the CPU without any optimisation of its graph.
 *
 * @throws ReigniteError MODEL_UNREADABLE.
 */
export async function openPlain(path: string): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(path, {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'disabled',
      enableMemPattern: false,
      logSeverityLevel: 4,
    });
  } catch (cause) {
    throw new ReigniteError('MODEL_UNREADABLE', `The model ${path} cannot be loaded: ${String(cause)}`, {
      cause,
      remedy: 'Export the model to ONNX again, with operators that ONNX Runtime supports.',
    });
  }
}
