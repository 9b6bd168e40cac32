/** A phrase that this project avoids, with what to write instead. */
interface Mark {
  readonly name: string;
  readonly pattern: RegExp;
  readonly instead: string;
}

const UNIT =
  'activity|archive|batch|channel|class|connection|content|file|fold|group|history|home|image|kind|line|model|network|page|patient|pixel|process|queue|reader|record|ROI|run|stage|step|task|tile|tile row|user|worker|workflow';

/** The phrases that are checked. A test keeps them out of the documentation. */
export const MARKS: readonly Mark[] = [
  {
    name: 'an X a Y',
    pattern: new RegExp(
      `\\b(?:an?|one|two|three|four|once|twice|some) (?:[\\w-]+ )?an? (?:${UNIT})\\b(?! (?:with|that))`,
      'gi',
    ),
    instead: 'per: "one activity per ROI"',
  },
  { name: 'go on', pattern: /\b(?:go|goes|going|gone|went) on\b/gi, instead: 'resume, continue' },
  { name: 'begun, anew', pattern: /\b(?:begun|anew|begins? again|begin anew)\b/gi, instead: 'started, again, restart' },
  {
    name: 'tell',
    pattern:
      /\b(?:tell|tells|telling|told) (?:of|whether|how|what|when|a|the|it|them|us)\b|\b(?:is|are|be|was|were) told\b/gi,
    instead: 'reports, signals, says',
  },
  {
    name: 'lie, stand',
    pattern:
      /\b(?:lie|lies|lay|stand|stands|stood) (?:beside|in|there|here|below|within|between|under|at|on|for|ready|already)\b/gi,
    instead: 'is in, is next to, means',
  },
  { name: 'beside', pattern: /\bbeside\b|\bbesides\b(?=[.,;])/gi, instead: 'next to, with, also' },
  {
    name: 'somebody',
    pattern: /\b(?:somebody|nobody|anybody|everybody|whoever|whomever|someone else's|somebody else's)\b/gi,
    instead: 'name who: the user, another process, no worker',
  },
  {
    name: 'is no X',
    pattern: /(?<!\bthere )\b(?:is|are|was|were|be) no (?!longer\b|more\b)/gi,
    instead: 'is not a',
  },
  {
    name: 'so many',
    pattern:
      /\b(?:at most|at least|for|after|by|of|with|takes|within) so (?:many|long|much|few|often|near)\b|\bso (?:many|much) of\b/gi,
    instead: 'name the limit',
  },
  {
    name: 'of ours',
    pattern: /\bof (?:ours|theirs|mine|one's own|the user's own|the user's)\b/gi,
    instead: 'custom, user-supplied, our',
  },
  {
    name: 'taken for',
    pattern: /\b(?:take|takes|taken|took) for (?:a|an|the|dead|lost|granted)\b/gi,
    instead: 'counts as',
  },
  { name: 'curly quote', pattern: /[\u2018\u2019\u201c\u201d]/g, instead: 'a straight quote' },
  { name: 'tried again', pattern: /\bTried again\b/g, instead: 'Retryable, retried' },
];

/** An avoided phrase found in a text. */
export interface FoundMark {
  readonly line: number;
  readonly mark: Mark;
  readonly words: string;
}

/** Finds all avoided phrases in a text. */
export function findMarks(text: string): readonly FoundMark[] {
  return MARKS.flatMap((mark) =>
    [...text.matchAll(mark.pattern)].map(({ 0: words, index }) => ({
      line: text.slice(0, index).split('\n').length,
      mark,
      words,
    })),
  ).sort((a, b) => a.line - b.line);
}

const PARTS =
  /(\/\*[\s\S]*?\*\/|\/\/[^\n]*)|('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)|(\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*(?=[\s.,;)\]]))/g;

/** Returns the comments and strings of TypeScript or JavaScript at their positions, with everything else blanked. */
export function codeProse(source: string): string {
  let prose = '';
  let end = 0;
  for (const { 0: part, 1: comment, 2: text, index } of source.matchAll(PARTS)) {
    prose += blank(source.slice(end, index));
    prose += comment ?? (text?.includes(' ') ? text : blank(part));
    end = index + part.length;
  }
  return prose + blank(source.slice(end));
}

/** A string literal that contains words, without its quotes. */
interface CodeString {
  readonly line: number;
  readonly text: string;
}

/** Lists the string literals of TypeScript or JavaScript with more than one word. */
export function codeStrings(source: string): readonly CodeString[] {
  return [...source.matchAll(PARTS)].flatMap(({ 2: text, index }) =>
    text?.includes(' ') ? [{ line: source.slice(0, index).split('\n').length, text: text.slice(1, -1) }] : [],
  );
}

/** Keeps line breaks, so that line numbers stay correct. */
function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ');
}
