import { expect, it } from 'vitest';
import { silenceLine } from '../../../cli/run/steer.ts';

it('says when the work of a killed command resumes', () => {
  expect(silenceLine(45)).toBe('If its command was killed, its work resumes after the heartbeat timeout (45 s).');
});
