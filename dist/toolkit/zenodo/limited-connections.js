import { buildConnector } from 'undici';
/**
 * Opens sockets, and never more than so many to one host at once: one that is being closed counts until it is closed, so
 * that its successor does not come before it has gone.
 *
 * @param most - Sockets to one host and port.
 */
export function limitedConnections(most) {
    const connect = buildConnector({});
    const open = new Map();
    const waiting = new Map();
    const leave = (host) => {
        open.set(host, (open.get(host) ?? 1) - 1);
        waiting.get(host)?.shift()?.();
    };
    return (options, callback) => {
        const host = `${options.hostname}:${options.port}`;
        const begin = () => {
            open.set(host, (open.get(host) ?? 0) + 1);
            connect(options, (error, socket) => {
                // There is none after an error, whatever the types say.
                if (error !== null || !socket) {
                    leave(host);
                    callback(error ?? new Error(`No connection to ${host}.`), null);
                }
                else {
                    onceClosed(socket, () => leave(host));
                    callback(null, socket);
                }
            });
        };
        if ((open.get(host) ?? 0) < most)
            begin();
        else
            waiting.set(host, [...(waiting.get(host) ?? []), begin]);
    };
}
function onceClosed(socket, then) {
    if (socket.closed)
        then();
    else
        socket.once('close', then);
}
