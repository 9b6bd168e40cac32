/** Characters that Markdown, or HTML in it, would take for markup. */
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
const NOT_ON_A_LINE = /[\s\u0000-\u001f]+/g;

/** Text inside an HTML element of a Markdown file: no tag and no entity is read in it. */
export function inElement(text: string): string {
  return text.replaceAll(/[&<>]/g, (character) => ENTITIES[character] ?? character);
}

/** Text within a line of Markdown: it is shown as it is, on one line. */
export function inMarkdown(text: string): string {
  return inElement(text.replaceAll(NOT_ON_A_LINE, ' ')).replaceAll(/[\\`*_[\]#|!~]/g, (character) => `\\${character}`);
}
