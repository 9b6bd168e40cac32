import { expect, it } from 'vitest';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { publishedOr } from '../../../toolkit/tasks/work.ts';

const failing = (code: 'FILE_MISSING' | 'NO_SPACE') => async () => {
  throw new ReigniteError(code, 'File not found: /home/someuser/data/inference/he/x.png.');
};

it('an unreadable published prediction gives a reason without absolute paths', async () => {
  expect(await publishedOr('/home/someuser/data', failing('FILE_MISSING'))).toEqual({
    kind: 'unreadable',
    reason: 'File not found: inference/he/x.png.',
  });
});

it('an error that is not the fault of the published file ends the activity', async () => {
  await expect(publishedOr('/data', failing('NO_SPACE'))).rejects.toMatchObject({ code: 'NO_SPACE' });
});
