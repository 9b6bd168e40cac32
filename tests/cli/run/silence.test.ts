import { expect, it } from 'vitest';
import { silenceLine } from '../../../cli/run/steer.ts';

it('says when the work of a killed command resumes', () => {
  expect(silenceLine(45)).toBe(
    'If the command of this run was killed, the run continues after the heartbeat timeout (45 s).',
  );
});
