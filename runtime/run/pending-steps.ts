import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';

type Pending = temporal.api.workflow.v1.IPendingActivityInfo;

/** What a step tells of an ROI or an image in its heartbeats. */
const Beat = z.object({
  roi: z.string().optional(),
  image: z.string().optional(),
  tile: z.int(),
  of: z.int().positive(),
});

/** How far the steps are that go on, such as `patient1_he_roi2_with_context 41 %`; those that have not begun are left out. */
export function pendingSteps(pending: readonly Pending[]): string[] {
  return pending.flatMap(({ heartbeatDetails }) => {
    const payload = heartbeatDetails?.payloads?.[0];
    const beat = Beat.safeParse(payload && defaultPayloadConverter.fromPayload(payload)).data;
    if (beat === undefined) return [];
    const { roi, image = '', tile, of } = beat;
    return [`${roi ?? image} ${Math.floor((100 * tile) / of)} %`];
  });
}
