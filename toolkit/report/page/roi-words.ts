import { type RecordKind, verdictText } from '../../dataset/provenance.ts';
import { counted } from '../../format.ts';
import type { JudgedTask } from '../report-data.ts';
import { decimal } from './html.ts';

type JudgedRoi = JudgedTask['rois'][number];

/** Formats a share as percent with two significant digits. */
export function percent(share: number): string {
  return share === 0 ? '0 %' : `${(100 * share).toPrecision(2)} %`;
}

/** Describes an ROI's verdict in a few words. */
export function roiStatusText({ verdict, difference }: JudgedRoi, kind: RecordKind): string {
  const said = verdictText(kind, verdict);
  if (difference === null) return said;
  return difference === 0 ? `${said}, nothing differs` : `${said}, ${percent(difference)} differ`;
}

/** Text for what explains that an ROI differs. */
const EXPLAINED: Readonly<Record<NonNullable<JudgedRoi['explanation']>, string>> = {
  identical: 'Nothing to explain',
  ties: 'Explained by near ties between labels',
  'half precision': 'Explained by half precision',
  'near the threshold': 'Explained by detection scores near the threshold',
  moved: 'Explained by small shifts of the points',
  'changed settings': 'Explained by the settings of this run',
  'few points': 'Few points differ, within the tolerance',
  'other settings': "Explained by the other settings in the authors' script",
  unexplained: 'Not explained',
};

/** Describes details of an ROI: its scores or points, or why it cannot be compared. */
export function roiDetails(roi: JudgedRoi): string {
  const parts: string[] = [];
  if (roi.reason !== undefined) parts.push(roi.reason);
  if ('ours' in roi && roi.ours !== undefined) {
    parts.push(`Dice ${decimal(roi.ours)} (published ${decimal('published' in roi ? roi.published : null)})`);
  }
  if (roi.explanation !== undefined && roi.difference !== 0 && roi.difference !== null) {
    parts.push(EXPLAINED[roi.explanation]);
  }
  const { comparison } = roi;
  if (comparison !== undefined && 'matched' in comparison) {
    parts.push(
      `${counted(comparison.matched, 'point')} matched, ${comparison.extra} only reproduced, ${comparison.missing} only published`,
    );
  }
  return parts.join('. ');
}
