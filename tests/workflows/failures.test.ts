import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, RetryState } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { failureList, toFailureInfo } from '../../workflows/failures.ts';

const ours = ApplicationFailure.create({
  type: 'IMAGE_UNREADABLE',
  message: 'a.png is not an image. Fetch it again.',
  details: [{ code: 'IMAGE_UNREADABLE', cause: 'a.png is not an image.', remedy: 'Fetch it again.' }],
});
const activity = new ActivityFailure('failed', 'inferRoi', '1', RetryState.NON_RETRYABLE_FAILURE, 'worker', ours);
const execution = { workflowId: 'w', runId: 'r' };

describe('toFailureInfo', () => {
  it('finds the ReigniteError inside the wrappers', () => {
    const child = new ChildWorkflowFailure('default', execution, 'he', RetryState.NON_RETRYABLE_FAILURE, activity);
    expect(toFailureInfo(child)).toEqual({
      code: 'IMAGE_UNREADABLE',
      cause: 'a.png is not an image.',
      remedy: 'Fetch it again.',
    });
  });

  it('uses the message of an error without details', () => {
    expect(toFailureInfo(ApplicationFailure.create({ type: 'X', message: 'm' }))).toEqual({ code: 'X', cause: 'm' });
  });

  it('reports unexpected errors as INTERNAL', () => {
    expect(toFailureInfo(new Error('odd'))).toEqual({ code: 'INTERNAL', cause: 'odd' });
  });
});

describe('failureList', () => {
  it('is empty if nothing failed', () => {
    expect(failureList([])).toEqual([]);
  });

  it('lists each on one line, and counts those that are not shown', () => {
    const failures = Array.from({ length: 23 }, (_, at) => ({ item: `roi${at}`, code: 'INTERNAL', cause: 'a|b\n  c' }));
    const text = failureList(failures).join('\n').replaceAll('\u00a0', ' ').replaceAll(/ +/g, ' ');
    expect(text).toContain('- **roi19** `INTERNAL`: a|b c');
    expect(text).not.toContain('roi20');
    expect(text).toContain('... and 3 more.');
  });
});
