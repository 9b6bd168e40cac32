/**
 * Indexes file names so that one is found although its letters are encoded in another way: macOS may store ü as u and a
 * diaeresis (NFD), other systems as one character (NFC).
 *
 * @returns A function that returns the name equal to the wanted one, else a name that looks the same, else undefined.
 * @example namesLike(['Mu\u0308ller.png'])('M\u00fcller.png'); // the name that was given
 * @see Unicode Standard Annex 15
 */
export function namesLike(names: readonly string[]): (wanted: string) => string | undefined {
  const exact = new Set(names);
  const normal = new Map(names.map((name) => [name.normalize('NFC'), name]));
  return (wanted) => (exact.has(wanted) ? wanted : normal.get(wanted.normalize('NFC')));
}
