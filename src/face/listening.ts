/** Where a configuration listens, and within which bounds. */
import type { Config } from '../config/config.ts'
import type { ListenOptions } from '../net/serve.ts'

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
