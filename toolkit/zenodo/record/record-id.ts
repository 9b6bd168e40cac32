import { ReigniteError } from '../../errors.ts';

const NUMBER = /^[1-9]\d{0,17}$/;
/** Numbers of other servers with Zenodo's software, such as `0gc3e-4mn72`. */
const INVENIO = /^[0-9a-z]{5}-[0-9a-z]{5}$/;

/**
 * The number of a record, from any of the ways in which people write it: the number itself, the DOI
 * (`10.5281/zenodo.N`, also with `doi:` or as an address of doi.org), or the address of its page or of its API.
 *
 * @throws ReigniteError CONFIG_INVALID when there is no record number in it.
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
