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
export interface CodeString {
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
