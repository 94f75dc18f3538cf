/** The yardstick: a reverse proxy of `node:http` and undici `dispatch`, which looks at nothing. `reverse-proxy.ts <upstream port>` prints its port. */
import { createServer, type ServerResponse } from 'node:http'
import { type Dispatcher, Pool } from 'undici'

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`, { connections: 64, pipelining: 1 })

/** Copies an answer as it comes. */
function copyTo(response: ServerResponse): Dispatcher.DispatchHandler {
  return {
    // undici demands it.
    onRequestStart() {},
    onResponseStart(_controller, status, headers) {
      response.writeHead(status, headers)
    },
    onResponseData(controller, chunk) {
      if (!response.write(chunk)) {
        controller.pause()
        response.once('drain', () => controller.resume())
      }
    },
    onResponseEnd() {
      response.end()
    },
    onResponseError(_controller, error) {
      console.error(error)
      response.destroy()
    },
  }
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
  })
  request.on('end', () => {
    const { host: _host, connection: _connection, ...headers } = request.headers
    const body = chunks.length === 1 ? (chunks[0] ?? null) : Buffer.concat(chunks)
    pool.dispatch({ path: request.url ?? '/', method: 'POST', headers, body }, copyTo(response))
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(typeof address === 'object' ? address?.port : address)
})
