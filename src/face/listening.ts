/** Where a configuration listens, and within which bounds. */
import type { Config } from '../config/config.ts'
import { Fault } from '../core/denial.ts'
import { type ConnectionLimit, type Listener, type ListenOptions, listen, type RequestHandler } from '../net/serve.ts'

/** @param onFault told once of each limit that connections were closed for: who was closed cannot be told. */
export function listeningOf(
  { listen: { host, port }, limits: { request, connections } }: Config,
  onFault: (fault: Fault) => void,
): ListenOptions {
  const told = new Set<ConnectionLimit>()
  return {
    host,
    port,
    onDropped: (limit, address) => {
      if (told.has(limit)) return
      told.add(limit)
      const beyond = `beyond limits.connections.${limit} (${connections[limit]}) are closed unanswered`
      const sentence = {
        perAddress: `connections from ${address} ${beyond}, its health checks too: raise it where a proxy or many clients stand behind one address`,
        total: `connections ${beyond}: raise it, or look for who holds so many`,
      }[limit]
      onFault(new Fault('FAULT_CONNECTIONS', `${sentence}. Told once`))
    },
    limits: {
      headersTimeoutMs: request.headerTimeoutMs,
      requestTimeoutMs: request.timeoutMs,
      keepAliveTimeoutMs: connections.idleMs,
      maxHeaderBytes: request.maxHeaderBytes,
      maxConnections: connections.total,
      maxConnectionsPerAddress: connections.perAddress,
    },
  }
}

/**
 * Listens, and answers once the port is bound.
 * @param setting which says where, so that an operator knows what to change
 * @throws Fault `FAULT_LISTEN` when it cannot be bound
 */
export async function listenAs(setting: string, options: ListenOptions, handler: RequestHandler): Promise<Listener> {
  try {
    return await listen(options, handler)
  } catch (cause) {
    throw new Fault('FAULT_LISTEN', `${setting}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
