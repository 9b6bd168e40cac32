import { describe, expect, it } from 'vitest';
import { waitingGroups, workerRows } from '../../../cli/inspect/workers.ts';
import { type FleetWorker, factsFromName, factsToName, workerFacts } from '../../../runtime/workers/list-workers.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const FACTS = { reignite: '0.1.0', processor: 'A processor', cores: 8, memory: 64 };
const IDLE: FleetWorker = {
  identity: 'inference-gpu01-7-aaaaaa-bbbbbb',
  queue: 'inference',
  host: 'gpu01',
  pid: '7',
  facts: FACTS,
  state: 'serving',
  since: '2026-11-29T11:15:00Z',
  freeMemory: 41.5,
  busy: 0,
};
const failed = { code: undefined, message: 'FOLDER_UNAVAILABLE: The folder /data is not on this machine.' };
const waits = { workflow: 'w', activity: 'inferRoi', queue: 'inference', attempts: 0, last: undefined } as const;

describe('workerRows', () => {
  it('shows who serves what, on which machine, and since when', () => {
    const gpu = { ...IDLE, facts: { ...FACTS, adapter: 'NVIDIA H200', scratch: true }, busy: 1 };
    const second = { ...gpu, facts: { ...gpu.facts, device: 1 } };
    const old = { ...IDLE, facts: undefined, state: 'silent', since: '2026-11-26T12:00:00Z' } as const;
    const rows = workerRows([gpu, second, IDLE, old], NOW).map((row) => row.replaceAll(/ {2,}/g, ' | '));
    expect(rows).toEqual([
      'inference | gpu01 7 | reignite 0.1.0 | NVIDIA H200 | 41.5 of 64 GiB free | works on 1 | since 45 min | fetches from storage',
      'inference | gpu01 7 | reignite 0.1.0 | GPU 1: NVIDIA H200 | 41.5 of 64 GiB free | works on 1 | since 45 min | fetches from storage',
      'inference | gpu01 7 | reignite 0.1.0 | 8 cores | 41.5 of 64 GiB free | idle | since 45 min',
      'inference | gpu01 7 | reignite ? | silent | since 3 d',
    ]);
  });
});

describe('waitingGroups', () => {
  it('explains why activities wait, one line per reason', () => {
    const busy = { ...IDLE, busy: 1 };
    expect(waitingGroups([waits, waits], [busy, busy])).toEqual([
      { queue: 'inference', activities: 2, reason: 'all 2 workers are busy' },
    ]);
    expect(waitingGroups([waits], [{ ...IDLE, state: 'silent' }])).toEqual([
      { queue: 'inference', activities: 1, reason: 'no worker serves the queue' },
    ]);
    expect(waitingGroups([waits, { ...waits, last: failed }], [IDLE])).toEqual([
      { queue: 'inference', activities: 1, reason: 'they are about to be started' },
      { queue: 'inference', activities: 1, reason: `the last attempt failed: ${failed.message}` },
    ]);
  });
});

describe('factsToName', () => {
  it('can be parsed again, unlike any other name', () => {
    const facts = workerFacts(true);
    expect(factsFromName(factsToName(facts))).toEqual(facts);
    expect(facts.scratch).toBe(true);
    for (const name of ['opentelemetry', 'reignite {', 'reignite {"reignite":1}']) {
      expect(factsFromName(name)).toBeUndefined();
    }
  });
});
