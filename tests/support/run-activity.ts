import { MockActivityEnvironment } from '@temporalio/testing';
import { LAST_SUITABLE_ATTEMPT } from '../../activities/hand-over.ts';

/** Runs an activity in a new mocked environment, unless one is given; keeps the type of its result. */
export async function runActivity<Input, Output>(
  activity: (input: Input) => Promise<Output>,
  input: Input,
  environment = new MockActivityEnvironment(),
): Promise<Output> {
  const outputs: Output[] = [];
  await environment.run(async () => {
    outputs.push(await activity(input));
  });
  const [output] = outputs;
  if (output === undefined) throw new Error('The activity gave no result.');
  return output;
}

/** The attempt after which an activity is not handed over to a worker with another provider any more. */
export function lastAttempt(): MockActivityEnvironment {
  return new MockActivityEnvironment({ attempt: LAST_SUITABLE_ATTEMPT });
}
