/**
 * Formats a text as one field of CSV, quoted if it contains commas, quotes or line breaks.
 *
 * @see RFC 4180
 * @example csvField('tumour, invasive'); // "tumour, invasive" in quotes
 */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
