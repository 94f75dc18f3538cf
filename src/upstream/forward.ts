/** The way out of a sandbox, seen from inside: a port on its loopback, forwarded to the socket of the egress proxy. */
// A program of its own, which runs in the sandbox around the server and imports nothing of the house: `forward SOCKET PROGRAM ARGUMENT…`.
import { spawn } from 'node:child_process'
import { connect, createServer } from 'node:net'

/** Nobody else is in this network. */
const PORT = 3128

const [socket = '', program = '', ...rest] = process.argv.slice(2)
const server = createServer((inside) => {
  const outside = connect(socket)
  const end = (): void => {
    inside.destroy()
    outside.destroy()
  }
  inside.on('error', end).pipe(outside)
  outside.on('error', end).pipe(inside)
})
server.listen(PORT, '127.0.0.1', () => {
  const child = spawn(program, rest, { stdio: 'inherit' })
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(127)
  })
  child.on('exit', (code) => process.exit(code ?? 1))
  process.on('SIGTERM', () => child.kill('SIGTERM'))
})
