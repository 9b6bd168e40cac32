/** A phrase with a capital and a full stop. */
export function asSentence(phrase) {
    return `${phrase.charAt(0).toUpperCase()}${phrase.slice(1)}.`;
}
