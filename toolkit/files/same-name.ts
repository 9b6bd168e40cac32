import { parse } from 'node:path';

/**
 * Indexes file names so that one is found although its letters are encoded in another way: macOS may store ü as u and a
 * diaeresis (NFD), other systems as one character (NFC). Upper and lower case of the ending does not count.
 *
 * @returns A function that returns the name equal to the wanted one, else a name that looks the same, else undefined.
 * @example namesLike(['Mu\u0308ller.PNG'])('M\u00fcller.png'); // the name that was given
 * @see Unicode Standard Annex 15
 */
export function namesLike(names: readonly string[]): (wanted: string) => string | undefined {
  const exact = new Set(names);
  const alike = new Map(names.map((name) => [usualEnding(name), name]));
  const normal = new Map(names.map((name) => [name.normalize('NFC'), name]));
  return (wanted) =>
    exact.has(wanted) ? wanted : (normal.get(wanted.normalize('NFC')) ?? alike.get(usualEnding(wanted)));
}

function usualEnding(file: string): string {
  const { name, ext } = parse(file.normalize('NFC'));
  return `${name}${ext.toLowerCase()}`;
}

/**
 * Finds files that seem to be meant for a missing one: their names differ from its name only in the ending, or in upper and
 * lower case.
 *
 * @example namesMeantFor('a.png', ['a.tif', 'A.png', 'b.png']); // ['a.tif', 'A.png']
 */
export function namesMeantFor(wanted: string, names: readonly string[]): readonly string[] {
  const stem = stemOf(wanted);
  return names.filter((name) => name !== wanted && stemOf(name) === stem);
}

function stemOf(file: string): string {
  return parse(file.normalize('NFC')).name.toLowerCase();
}
