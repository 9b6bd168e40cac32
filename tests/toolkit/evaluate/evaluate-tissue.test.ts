import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import { compareSides } from '../../../toolkit/compare/compare-sides.ts';
import { readSide } from '../../../toolkit/compare/read-side.ts';
import { evaluateTissue } from '../../../toolkit/evaluate/evaluate-tissue.ts';
import { writeEvaluationPage } from '../../../toolkit/evaluate/evaluation-page.ts';
import { decodeLabels } from '../../../toolkit/image/decode-labels.ts';
import { encodeGrey16, encodeLabels } from '../../../toolkit/image/encode-png.ts';
import { classesAsked } from '../../../toolkit/metrics/class-subset.ts';
import { readLayersFile } from '../../../toolkit/report/layers/draw-layers.ts';
import { taskNamed } from '../../../toolkit/tasks/task-named.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { writeTinyRecord } from '../../support/tiny-record.ts';
import { writeTiff } from '../../support/write-tiff.ts';

const ROIS = ['patient1_he_roi1_with_context', 'patient2_he_roi1_with_context'] as const;
const folder = suiteFolder();
const at = (...parts: string[]) => join(folder(), ...parts);

function inputOf(predictions: string) {
  const { scoredClasses } = taskNamed('he');
  if (scoredClasses === undefined) throw new Error('Expected classes');
  const classes = classesAsked('he', scoredClasses, 'Stroma');
  return { data: at('unpacked'), predictions: at(predictions), out: at(`scores-${predictions}`), classes };
}

/** The same masks, in which every third pixel is label 3: as 8-bit PNG, and as an 8-bit TIFF and a 16-bit PNG. */
beforeAll(async () => {
  await writeTinyRecord(
    folder(),
    ROIS.map((name) => ({ name: name.replace('_with_context', ''), width: 40, height: 30 })),
  );
  for (const name of ['usual', 'others']) await mkdir(at(name));
  for (const [index, roi] of ROIS.entries()) {
    const truth = await decodeLabels(at('unpacked', 'annotations', 'he', `${roi}.png`));
    const mask = { ...truth, data: truth.data.map((label, k) => (k % 3 === 0 ? 3 : label)) };
    await encodeLabels(at('usual', `${roi}.png`), mask);
    if (index === 0) await writeTiff(at('others', `${roi}.tif`), { ...mask, pixels: mask.data });
    else await encodeGrey16(at('others', `${roi}.png`), { ...mask, data: Uint16Array.from(mask.data) });
  }
});

describe('masks as TIFF and 16-bit PNG', () => {
  it('have the scores, the page and the comparison of 8-bit PNG masks', async () => {
    const usual = await evaluateTissue('he', inputOf('usual'));
    const others = await evaluateTissue('he', inputOf('others'));
    expect(others.metrics).toEqual(usual.metrics);
    expect(others.rows).toEqual(usual.rows);
    expect(others.rows[0]?.value).toBeLessThan(1);
    expect(others.remarks).toEqual(usual.remarks);

    await writeEvaluationPage('he', inputOf('others'), others, '0.0.0');
    expect(await readFile(at('scores-others', 'report', 'he.html'), 'utf8')).toContain(ROIS[0]);
    const layers = await readLayersFile(at('scores-others'));
    expect(layers.map(({ roi, files }) => [roi, files.ours !== undefined])).toEqual(ROIS.map((roi) => [roi, true]));

    const [a, b] = [
      await readSide(at('scores-usual'), { name: 'a' }),
      await readSide(at('scores-others'), { name: 'b' }),
    ];
    const { signal } = new AbortController();
    const options = { config: VerdictConfig.parse({ resamples: 100 }), signal, onRoi: () => undefined };
    const comparison = await compareSides(a, b, options);
    expect(comparison).toMatchObject({ verdict: 'equal', tasks: [{ compared: 2, of: 2 }] });
  });

  it('are named if they are not scored', async () => {
    const one = { width: 1, height: 1, pixels: Uint8Array.of(1) };
    await writeTiff(at('usual', 'stray.tif'), one);
    await writeTiff(at('usual', `${ROIS[1]}.TIFF`), one);
    const { remarks } = await evaluateTissue('he', inputOf('usual'));
    expect(remarks).toContain('stray.tif belongs to no ROI of the test set and is not scored.');
    expect(remarks).toContain(`${ROIS[1]}.TIFF is not scored, because its ROI has another mask.`);
  });
});
