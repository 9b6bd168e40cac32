import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { printPage } from '../../../cli/predict/print-prediction.ts';
import { ReigniteError } from '../../../toolkit/errors.ts';

let said: string[] = [];

beforeEach(() => {
  said = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
});
afterEach(() => vi.restoreAllMocks());

const failing = (error: Error) => ({ path: '/out/page.html', write: () => Promise.reject(error) });

it('says why a page was not written, and does not fail', async () => {
  await printPage(failing(new ReigniteError('NO_SPACE', 'The disk is full.', { remedy: 'Free some.' })));
  expect(said.join('')).toContain('page.html was not written. The disk is full. Free some.');
  expect(said.join('')).toContain('Run the same command again');
});

it('does the same for an unexpected error', async () => {
  await printPage(failing(new Error('pixel limit')));
  expect(said.join('')).toContain('page.html was not written. Unexpected error: pixel limit');
});

it('stops if the command is interrupted', async () => {
  const reason = new ReigniteError('CANCELLED', 'The command received SIGINT.');
  await expect(printPage(failing(new Error('stopped')), AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(said).toEqual([]);
});
