/** A hand-written MCP server over HTTP that answers at once. Prints its port. */
import { createServer } from 'node:http'
import { answer } from './answer.ts'

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('latin1')
  request.on('data', (chunk: string) => {
    body += chunk
  })
  request.on('end', () => {
    const text = answer(body)
    response.writeHead(text === '' ? 202 : 200, { 'content-type': 'application/json', 'content-length': text.length })
    response.end(text)
  })
})
server.keepAliveTimeout = 60_000
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  const address = server.address()
  console.log(typeof address === 'object' ? address?.port : address)
})
