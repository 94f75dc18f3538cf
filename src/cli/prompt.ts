/** Reads a secret: from a person without showing it, else from standard input. Never from the command line, which everybody on the machine can read. */
import { ReadStream } from 'node:tty'
import { misuse } from './shell.ts'
import type { Terminal } from './terminal.ts'

/** A private key of 8192 bits is 6 KiB of PEM. */
const SECRET_MAX_BYTES = 64 * 1024
const [ENTER, END, INTERRUPT, BACKSPACE, DELETE] = ['\r', '\u0004', '\u0003', '\b', '\u007f']

export async function readSecret(terminal: Terminal, question: string): Promise<string> {
  const { input } = terminal
  const secret = input instanceof ReadStream && input.isTTY ? await ask(input, terminal, question) : await readAll(terminal)
  if (secret === '') throw misuse('there is no secret: type one, or write it to standard input')
  return secret
}

async function readAll({ input }: Terminal): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > SECRET_MAX_BYTES) throw misuse(`a secret has at most ${SECRET_MAX_BYTES} bytes`)
    chunks.push(bytes)
  }
  // The end of the line is the shell's, not the secret's.
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '')
}

function ask(input: ReadStream, { errors }: Terminal, question: string): Promise<string> {
  // Before anybody is asked: what is typed at once must not be shown either.
  input.setRawMode(true)
  errors.write(question)
  input.setEncoding('utf8')
  let typed = ''
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const take = (text: string): void => {
    for (const letter of text) {
      if (letter === ENTER || letter === '\n' || letter === END) resolve(typed)
      else if (letter === INTERRUPT) reject(misuse('nothing was sealed'))
      else if (letter === BACKSPACE || letter === DELETE) typed = typed.slice(0, -1)
      else if (typed.length < SECRET_MAX_BYTES) typed += letter
    }
  }
  input.on('data', take)
  return promise.finally(() => {
    input.off('data', take)
    input.setRawMode(false)
    input.pause()
    errors.write('\n')
  })
}
