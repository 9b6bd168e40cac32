import { readFileSync } from 'node:fs';
import { z } from 'zod';

const Matrix = z.array(z.array(z.number()));
const Figures = z.object({
  shares: z.object({ total: Matrix, true: Matrix, pred: Matrix }),
  texts: z.object({
    total: z.array(z.array(z.string())),
    true: z.array(z.array(z.string())),
    pred: z.array(z.array(z.string())),
  }),
  dice: z.record(z.string(), z.number()),
  rounded: z.array(z.tuple([z.string(), z.number()])),
  shown: z.array(z.tuple([z.string(), z.number()])),
});
const Oracle = z.object({
  rois: z.array(z.object({ roi: z.string(), confusion: Matrix })),
  confusion: Matrix,
  til: Matrix,
  labels: z.record(z.string(), z.number()),
  tilLabels: z.record(z.string(), z.number()),
  groups: z.record(z.string(), z.number()),
  colours: z.record(z.string(), z.array(z.number())),
  barColours: z.record(z.string(), z.array(z.number())),
  bars: z.record(z.string(), z.array(z.tuple([z.string(), z.number(), z.number(), z.string()]))),
  all_classes: Figures,
  til_use_case: Figures,
});

/** What the authors' code computed on five ROIs (tests/fixtures/metrics/PROVENANCE.md). */
export const heOracle = Oracle.parse(
  JSON.parse(readFileSync(new URL('../../fixtures/metrics/he-oracle.json', import.meta.url), 'utf8')),
);
