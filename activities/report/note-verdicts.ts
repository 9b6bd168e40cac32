import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';

const Verdicts = z.record(z.string(), z.string());

/** The verdicts of one scheduled reproduction. */
const Noted = z.object({
  at: z.string().describe('ISO 8601'),
  verdicts: Verdicts.describe('By task, as people read them'),
  report: z.string(),
});
type Noted = z.infer<typeof Noted>;

const NoteVerdictsInput = z.object({
  folders: z.object({ results: z.string().min(1).describe('Folder of all times of the schedule, absolute') }),
  noted: Noted,
});
export type NoteVerdictsInput = z.infer<typeof NoteVerdictsInput>;

export interface VerdictChange {
  readonly task: string;
  readonly from: string;
  readonly to: string;
}

/** Appends verdicts to `verdicts.jsonl` and returns those that differ from the previous ones. May run twice. */
export async function noteVerdicts(input: NoteVerdictsInput): Promise<{ readonly changes: readonly VerdictChange[] }> {
  const { folders, noted } = NoteVerdictsInput.parse(input);
  const path = join(folders.results, 'verdicts.jsonl');
  const before = (await readNoted(path)).filter(({ at }) => at !== noted.at);
  const earlier = before.at(-1)?.verdicts ?? {};
  await writeFileAtomic(path, [...before, noted].map((each) => `${JSON.stringify(each)}\n`).join(''));
  const changes = Object.entries(noted.verdicts).flatMap(([task, to]) => {
    const from = earlier[task];
    return from === undefined || from === to ? [] : [{ task, from, to }];
  });
  return { changes };
}

async function readNoted(path: string): Promise<readonly Noted[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Noted.parse(JSON.parse(line)));
}
