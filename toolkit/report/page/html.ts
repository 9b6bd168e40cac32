const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters that XML, and so an SVG, must not contain even as an entity. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const NOT_IN_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** A value in an {@link html} template: text is escaped, markup is inserted unchanged, lists are joined. */
export type HtmlValue = string | number | Html | readonly HtmlValue[];

/** Creates markup; not exported. */
let asMarkup: (markup: string) => Html;

/** Markup. Only {@link html} and {@link jsonScript} create it, so that unescaped text cannot be inserted by mistake. */
export class Html {
  readonly #markup: string;

  static {
    asMarkup = (markup) => new Html(markup);
  }

  private constructor(markup: string) {
    this.#markup = markup;
  }

  toString(): string {
    return this.#markup;
  }
}

/**
 * Creates HTML or SVG from a template. Every value is escaped, for elements and quoted attributes, unless it is markup.
 *
 * @example html`<p title="${'"'}">${'<b>'}</p>` // <p title="&quot;">&lt;b&gt;</p>
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return asMarkup(strings.map((text, k) => text + markupOf(values[k] ?? '')).join(''));
}

/** Empty markup, for an omitted part of a page. */
export const NOTHING = html``;

function markupOf(value: HtmlValue): string {
  if (value instanceof Html) return value.toString();
  if (typeof value === 'string' || typeof value === 'number') return escaped(String(value));
  return value.map(markupOf).join('');
}

function escaped(text: string): string {
  return text.replaceAll(NOT_IN_XML, '').replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/**
 * Embeds data for a script of the page, as JSON that cannot end its element or a comment and is also a JavaScript
 * literal.
 */
export function jsonScript(id: string, value: unknown): Html {
  const json = JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return asMarkup(`<script type="application/json" id="${escaped(id)}">${json}</script>`);
}

/**
 * Converts a path to a URL relative to the report. Its parts are encoded, so that a path such as `http:x` is not read
 * as a scheme.
 */
export function hrefOf(path: string): string {
  return path
    .split('/')
    .map((part) => encodeURIComponent(part.replaceAll(/\p{Surrogate}/gu, '\ufffd')))
    .join('/');
}

/** Converts text to markup, with text between backticks as code. */
export function withCode(text: string): Html {
  return html`${text.split('`').map((part, k) => (k % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))}`;
}

/** Formats a number with four decimals by default, or an en dash for none. */
export function decimal(value: number | null | undefined, places = 4): string {
  return value === null || value === undefined ? '–' : value.toFixed(places).replace('-', '\u2212');
}

/** Returns a table; the first cell of every row is its header. */
export function table(caption: string, head: readonly HtmlValue[], rows: readonly (readonly HtmlValue[])[]): Html {
  // An empty corner is not a header.
  const header = head.map((cell) => (cell === '' ? html`<td></td>` : html`<th scope="col">${cell}</th>`));
  const body = rows.map(
    ([first = '', ...cells]) =>
      html`<tr><th scope="row">${first}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  );
  return html`<div class="wide" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${header}</tr></thead><tbody>${body}</tbody></table></div>`;
}
