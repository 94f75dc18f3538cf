/** Where a configuration listens, and within which bounds. */
import type { Config } from '../config/config.ts'
import { Fault } from '../core/denial.ts'
import { type Listener, type ListenOptions, listen, type RequestHandler } from '../net/serve.ts'

export function listeningOf({ listen: { host, port }, limits: { request, connections } }: Config): ListenOptions {
  return {
    host,
    port,
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
