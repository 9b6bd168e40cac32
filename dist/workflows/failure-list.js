/** What is shown of a page; all of them are in the summary. */
const SHOWN = 20;
/**
 * What failed and what can be done about it, as Markdown below a table of progress; nothing where nothing failed. A list:
 * the UI's panel is too narrow for a table with sentences in it.
 */
export function failureList(failures) {
    if (failures.length === 0)
        return [];
    const lines = failures.slice(0, SHOWN).map(({ item, code, cause, remedy = '' }) => {
        return `- **${item}** \`${code}\`: ${`${cause} ${remedy}`.trim().replaceAll(/\s*\n\s*/g, ' ')}`;
    });
    const more = failures.length - lines.length;
    return ['', '**Failed**', '', ...lines, ...(more === 0 ? [] : [`- ... and ${more} more.`])];
}
