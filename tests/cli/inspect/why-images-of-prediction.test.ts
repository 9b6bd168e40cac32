import { describe, expect, it } from 'vitest';
import type { RunStep } from '../../../cli/inspect/run-steps.ts';
import { explainImages, explainPrediction, type KnownPrediction } from '../../../cli/inspect/why-images.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const RUN = 'predict/he/1234';
const NO_TISSUE = { code: 'NO_TISSUE', cause: 'No tissue was found.', remedy: 'Use --everywhere.' };

function step(name: string, summary: string, more: Partial<RunStep> = {}): RunStep {
  return {
    ...{ workflow: RUN, execution: 'a', event: 5, step: name, summary, attempts: 1, worker: 'w', outcome: 'completed' },
    ...{ scheduled: null, started: null, closed: null, queueSeconds: null, runSeconds: null, peakMemoryBytes: null },
    ...more,
  };
}

function prediction(steps: readonly RunStep[], names?: readonly string[]): KnownPrediction {
  return {
    kind: 'prediction',
    description: {
      ...{ run: RUN, runId: 'a', status: 'done', paused: false, started: '', closed: null, results: null },
      ...{ verdicts: {}, said: {}, provenance: null },
    },
    parts: [{ workflow: RUN, execution: 'a', startedMs: 0, steps }],
    ...(names && { images: names.map((name) => ({ name, path: `/images/${name}.png` })) }),
  };
}

async function stateOf(known: KnownPrediction, word: string): Promise<unknown> {
  return (await explainImages(known, word, homeFolders(await temporaryFolder())))?.document;
}

describe('the images of a prediction', () => {
  it('come from its list, including those without activities', () => {
    const known = prediction([step('predictImage', 'one')], ['one', 'two', 'three']);
    expect(explainPrediction(known).lines).toContain('3 images: 0 predicted (0 from the cache), 0 failed');
  });

  it('come from its activities if the list was deleted, also for slides', () => {
    const steps = [step('planSlide', 'slide: strips'), step('predictStrip', 'slide: strip 1 of 2')];
    const { lines } = explainPrediction(prediction([...steps, step('predictImage', 'one')]));
    expect(lines).toContain('2 images: 0 predicted (0 from the cache), 0 failed');
  });
});

describe('a prediction without a process working on it', () => {
  const open = (status: string, paused: boolean): KnownPrediction => {
    const known = prediction([], ['one']);
    return { ...known, description: { ...known.description, status, paused } };
  };

  it.each([
    ['running', true, `paused: run \`npx reignite resume ${RUN}\` to resume`, 'the prediction is paused'],
    ['interrupted', false, 'interrupted: run the same command to resume', 'the prediction is interrupted'],
    [
      'interrupted',
      true,
      `paused, interrupted: run \`npx reignite resume ${RUN}\`, then the same command to resume`,
      'the prediction is paused, interrupted',
    ],
  ])('is described as `status` does: %s, paused %s', async (status, paused, said, because) => {
    const known = open(status, paused);
    expect(explainPrediction(known).lines[0]).toBe(`${RUN}: ${said}`);
    expect(explainPrediction(known).document).toMatchObject({ status, paused });
    const expected = { state: 'outstanding', because: `It has not been predicted yet: ${because}.` };
    expect(await stateOf(known, 'one')).toMatchObject({ images: [expected] });
  });
});

describe('a slide', () => {
  it('is explained if it failed before its strips', async () => {
    const known = prediction([step('planSlide', 'slide: strips', { outcome: 'failed', failure: NO_TISSUE })]);
    expect(await stateOf(known, 'slide')).toMatchObject({ images: [{ state: 'failed', failure: NO_TISSUE }] });
  });

  it('is explained if a strip failed, whatever became of later strips', async () => {
    const known = prediction([
      step('planSlide', 'slide: strips'),
      step('predictStrip', 'slide: strip 1 of 2', { outcome: 'failed', failure: NO_TISSUE }),
      step('predictStrip', 'slide: strip 2 of 2'),
      step('predictImage', 'slide: the other'),
    ]);
    expect(await stateOf(known, 'slide')).toMatchObject({
      images: [{ image: 'slide', state: 'failed', failure: NO_TISSUE, steps: { length: 3 } }],
    });
  });
});
