/** Names the personal token that is sent to the record's API: for records that are not public, and a higher rate. */
export const TOKEN_VARIABLE = 'ZENODO_TOKEN';
/**
 * The token of the environment, if `url` is at the API's own host: a record may link to files anywhere, and no other
 * host must see it.
 */
export function tokenFor(url, api, environment = process.env) {
    const token = environment[TOKEN_VARIABLE]?.trim();
    if (!token || !URL.canParse(url) || !URL.canParse(api))
        return undefined;
    return new URL(url).origin === new URL(api).origin ? token : undefined;
}
