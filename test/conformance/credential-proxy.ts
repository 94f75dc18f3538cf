/** A loopback proxy that adds a credential and changes nothing else: the conformance suite cannot present one itself. */
import { createServer, request } from 'node:http'

export interface CredentialProxy {
  readonly port: number
  close(): Promise<void>
}

/** @param headers added to every request that does not have them */
export async function startCredentialProxy(upstreamPort: number, headers: Readonly<Record<string, string>>): Promise<CredentialProxy> {
  const server = createServer((incoming, outgoing) => {
    const forwarded = request(
      { host: '127.0.0.1', port: upstreamPort, path: incoming.url, method: incoming.method, headers: { ...headers, ...incoming.headers } },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      },
    )
    forwarded.on('error', () => outgoing.destroy())
    outgoing.on('close', () => forwarded.destroy())
    incoming.pipe(forwarded)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return {
    port: address.port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
