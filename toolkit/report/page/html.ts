const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters that XML, and so an SVG, must not hold even as an entity. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const NOT_IN_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** What may be used in an {@link html} template: text is escaped, markup is inserted as it is, lists are joined. */
export type HtmlValue = string | number | Html | readonly HtmlValue[];

/** Of this module alone. */
let asMarkup: (markup: string) => Html;

/** Markup. Only {@link html} and {@link jsonScript} make it, so that text can never be mistaken for it. */
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
 * Makes HTML or SVG from a template. Every value is escaped, for an element and for a quoted attribute alike, unless it
 * is markup itself.
 *
 * @example html`<p title="${'"'}">${'<b>'}</p>` // <p title="&quot;">&lt;b&gt;</p>
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return asMarkup(strings.map((text, k) => text + markupOf(values[k] ?? '')).join(''));
}

/** Nothing, where a part of a page is left out. */
export const NOTHING = html``;

function markupOf(value: HtmlValue): string {
  if (value instanceof Html) return value.toString();
  if (typeof value === 'string' || typeof value === 'number') return escaped(String(value));
  return value.map(markupOf).join('');
}

function escaped(text: string): string {
  return text.replaceAll(NOT_IN_XML, '').replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** Data for a script of the page, as JSON that cannot end its element or a comment and is a JavaScript literal too. */
export function jsonScript(id: string, value: unknown): Html {
  const json = JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return asMarkup(`<script type="application/json" id="${escaped(id)}">${json}</script>`);
}

/** A path as an address relative to the report: also one that names a scheme stays a path. */
export function hrefOf(path: string): string {
  return path
    .split('/')
    .map((part) => encodeURIComponent(part.replaceAll(/\p{Surrogate}/gu, '\ufffd')))
    .join('/');
}

/** A text of messages as markup: what is between backticks is code. */
export function withCode(text: string): Html {
  return html`${text.split('`').map((part, k) => (k % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))}`;
}

/** A number with four decimals, an en dash where there is none. */
export function decimal(value: number | null | undefined, places = 4): string {
  return value === null || value === undefined ? '–' : value.toFixed(places).replace('-', '\u2212');
}

/** A table; the first cell of every row heads it. */
export function table(caption: string, head: readonly HtmlValue[], rows: readonly (readonly HtmlValue[])[]): Html {
  // A corner without text heads nothing.
  const header = head.map((cell) => (cell === '' ? html`<td></td>` : html`<th scope="col">${cell}</th>`));
  const body = rows.map(
    ([first = '', ...cells]) =>
      html`<tr><th scope="row">${first}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  );
  return html`<div class="wide" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${header}</tr></thead><tbody>${body}</tbody></table></div>`;
}
