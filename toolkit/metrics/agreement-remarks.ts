import { z } from 'zod';
import { describeDoubt } from '../dataset/category-classes.ts';
import { counted } from '../format.ts';

const Group = z.string();
const Pair = z.string().describe('"reader P1|AI": the first is truth');
const Rois = z.array(z.string()).describe('Stems of images');

/** A note on what an agreement score leaves out or counts in an unexpected way. */
export const AgreementRemark = z.discriminatedUnion('kind', [
  /** The authors' code fails if the second reader of a pair lacks an image; here the pair leaves that image out. */
  z.strictObject({ kind: z.literal('image-left-out-of-pair'), group: Group, pair: Pair, rois: Rois }),
  z.strictObject({ kind: z.literal('pair-without-images'), group: Group, pair: Pair }),
  /** The authors' code fails if the AI has no point in an image; here all its cells count as missed. */
  z.strictObject({ kind: z.literal('ai-without-points'), rois: Rois }),
  /** The authors' 16-bit sums would have wrapped here; ours do not, so that the scores differ. */
  z.strictObject({ kind: z.literal('beyond-16-bit'), group: Group, pair: Pair, largest: z.int() }),
  z.strictObject({
    kind: z.literal('annotations-unused'),
    reason: z.enum(['category of no reader', 'image not listed']),
    ids: z.array(z.int()),
    annotations: z.int(),
  }),
  /** The authors' rule gives categories classes that disagree with their names or their order. */
  z.strictObject({
    kind: z.literal('categories-doubtful'),
    categories: z.array(
      z.strictObject({ id: z.int(), name: z.string(), taken: z.string(), meant: z.string().nullable() }),
    ),
    annotations: z.int(),
  }),
]);
export type AgreementRemark = z.infer<typeof AgreementRemark>;

/** Formats the remark as a sentence. */
export function describeRemark(remark: AgreementRemark): string {
  switch (remark.kind) {
    case 'image-left-out-of-pair':
      return `${remark.pair}: left out, since the second did not annotate them: ${remark.rois.join(', ')}.`;
    case 'pair-without-images':
      return `${remark.pair}: no image annotated by both.`;
    case 'ai-without-points':
      return `The AI found nothing on ${remark.rois.join(', ')}; all cells there count as missed.`;
    case 'beyond-16-bit':
      return `${remark.pair}: a count of ${remark.largest}, which the authors' 16-bit sums would store modulo 65,536.`;
    case 'annotations-unused':
      return `${counted(remark.annotations, 'annotation')} unused (${remark.reason}: ${remark.ids.join(', ')}).`;
    case 'categories-doubtful':
      // Only PD-L1 has several classes.
      return describeDoubt(remark, 'pdl1');
  }
}
