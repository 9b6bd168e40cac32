import { expect, it } from 'vitest';
import { z } from 'zod';
import { lookLines } from '../../cli/run/look-at-record.ts';
import { plainProblem } from '../../config/wrong-values.ts';

it('says what to do about an unchecked record only if the user asked for the check', () => {
  const look = { source: 'none', reason: 'NETWORK_ERROR: no answer', remedy: 'Check the connection.' } as const;
  const said = 'The record was not checked before the download: NETWORK_ERROR: no answer.';
  expect(lookLines(look, { all: true })).toEqual([said, 'Check the connection.']);
  expect(lookLines(look)).toEqual([said]);
});

it('says in plain words that a number must be a multiple', () => {
  const parsed = z.number().multipleOf(32).safeParse(100, { error: plainProblem });
  expect(parsed.error?.issues[0]?.message).toBe('expected a multiple of 32.');
});
