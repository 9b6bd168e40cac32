const MOST_NAMED = 20;

/** What is wrong with files, in one sentence that names every one, up to a number that can be read. */
export function nameFaults(faults: readonly string[], of: string): string {
  const named = faults.slice(0, MOST_NAMED).join('; ');
  const rest = faults.length > MOST_NAMED ? `; and ${faults.length - MOST_NAMED} more` : '';
  return `${faults.length} of ${of} cannot be scored: ${named}${rest}.`;
}
