import { ReigniteError } from '../../errors.ts';

const NUMBER = /^[1-9]\d{0,17}$/;
/** Record IDs of other servers with Zenodo's software, such as `0gc3e-4mn72`. */
const INVENIO = /^[0-9a-z]{5}-[0-9a-z]{5}$/;

/**
 * Extracts the number of a record from the number itself, its DOI (`10.5281/zenodo.N`, also with `doi:` or as a URL of
 * doi.org), or the URL of its page or API.
 *
 * @throws ReigniteError CONFIG_INVALID if it does not contain a record number.
 */
export function parseRecordId(record: string | number): string {
  const text = String(record).trim();
  const candidate =
    /^(?:(?:https?:\/\/)?(?:dx\.)?doi\.org\/|doi:\s*)?10\.\d{4,9}\/zenodo\.(\d+)$/i.exec(text)?.[1] ??
    /^https?:\/\/[^/]+\/(?:api\/)?records?\/([^/?#]+)/i.exec(text)?.[1] ??
    text;
  if (NUMBER.test(candidate) || INVENIO.test(candidate)) return candidate;
  throw new ReigniteError('CONFIG_INVALID', `"${text}" is not the number, the DOI or the address of a record.`);
}
