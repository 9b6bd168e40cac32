import { MockActivityEnvironment } from '@temporalio/testing';

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
