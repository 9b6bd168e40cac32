import { hostname } from 'node:os';
import { expect, it } from 'vitest';
import { hasEndedHere, workerIdentity } from '../../../runtime/workers/pollers.ts';
import { processTableTag } from '../../../toolkit/files/process-identity.ts';

const ENDED = 2 ** 22 + 5;

it('contains queue, host, PID, process table and a random part', () => {
  const identity = workerIdentity('inference');
  expect(identity).toMatch(new RegExp(`^inference-${hostname()}-${process.pid}-${processTableTag()}-[0-9a-f]{6}$`));
  expect(workerIdentity('inference')).toBe(identity);
});

it.each([
  ['this worker', workerIdentity('download'), false],
  ['one that has ended here', `download-a-host-${ENDED}-${processTableTag()}-ab12cd`, true],
  ['one of the same host name and number in another container', `download-a-host-${ENDED}-ffffff-ab12cd`, false],
  ['a worker of an earlier version', `download ${ENDED}@${hostname()}`, false],
  ['a foreign one', 'someuser', false],
])('knows whether %s has ended', async (_, identity, ended) => {
  expect(await hasEndedHere(identity)).toBe(ended);
});
