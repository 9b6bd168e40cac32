import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { ReigniteError } from '../../toolkit/errors.js';
/** gRPC's own proxy support would send even 127.0.0.1 through HTTPS_PROXY. */
const NO_PROXY_ARGUMENTS = { 'grpc.enable_http_proxy': 0 };
/**
 * The server that Temporal's environment configuration names (`TEMPORAL_ADDRESS`, or the profile of
 * `TEMPORAL_PROFILE` or `TEMPORAL_CONFIG_FILE`), or undefined for the embedded one.
 *
 * A configuration file in its usual place, which no variable names, does not count: a trial run shall not land
 * on somebody's production cluster. Once a variable names a server, the rest comes from there too.
 *
 * @throws ReigniteError TEMPORAL_UNREACHABLE when the configuration cannot be read.
 */
export function externalServer(environment = process.env) {
    const isAsked = ['TEMPORAL_ADDRESS', 'TEMPORAL_PROFILE', 'TEMPORAL_CONFIG_FILE'].some((name) => environment[name]);
    if (!isAsked)
        return undefined;
    const config = environmentConfig(environment);
    const address = config.connectionOptions.address;
    if (!address)
        return undefined;
    return { address, namespace: config.namespace ?? 'default', external: true };
}
/**
 * Options for `Connection.connect` and, but for the proxy argument, for `NativeConnection.connect`: an external
 * server's API key, TLS and metadata come from the environment, an embedded one has none.
 */
export function connectionOptionsOf(server, environment = process.env) {
    if (!server.external)
        return { address: server.address };
    const { apiKey, tls, metadata } = environmentConfig(environment).connectionOptions;
    return {
        address: server.address,
        ...(typeof apiKey === 'string' ? { apiKey } : {}),
        ...(tls === undefined ? {} : { tls }),
        ...(metadata === undefined ? {} : { metadata }),
    };
}
/**
 * Connects and makes sure that the namespace is there. Close `client.connection` after use.
 *
 * @throws ReigniteError TEMPORAL_UNREACHABLE within the time limit.
 */
export async function connectTo(server, { timeoutMs = 10_000, environment = process.env } = {}) {
    const deadline = Date.now() + timeoutMs;
    const connection = await openConnection(server, timeoutMs, environment);
    try {
        await connection.withDeadline(deadline, () => connection.workflowService.describeNamespace({ namespace: server.namespace }));
    }
    catch (error) {
        await connection.close();
        throw unreachable(`The namespace ${server.namespace} of the Temporal server at ${server.address}`, error);
    }
    return Object.assign(new Client({ connection, namespace: server.namespace, identity: `reignite ${process.pid}` }), {
        connection,
    });
}
async function openConnection(server, timeoutMs, environment) {
    const options = connectionOptionsOf(server, environment);
    try {
        return await Connection.connect({
            ...options,
            connectTimeout: timeoutMs,
            ...(server.external ? {} : { channelArgs: NO_PROXY_ARGUMENTS }),
        });
    }
    catch (error) {
        throw unreachable(`The Temporal server at ${server.address}`, error);
    }
}
function environmentConfig(environment) {
    const variables = Object.fromEntries(Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
    try {
        return loadClientConnectConfig({ overrideEnvVars: variables });
    }
    catch (error) {
        throw new ReigniteError('TEMPORAL_UNREACHABLE', `Temporal's configuration is not readable: ${reason(error)}.`, {
            cause: error,
            remedy: 'Correct the TEMPORAL_* variables or the file of TEMPORAL_CONFIG_FILE.',
        });
    }
}
function unreachable(what, error) {
    return new ReigniteError('TEMPORAL_UNREACHABLE', `${what} does not answer: ${reason(error)}.`, { cause: error });
}
function reason(error) {
    if (!(error instanceof Error))
        return String(error);
    return 'details' in error && typeof error.details === 'string' && error.details ? error.details : error.message;
}
