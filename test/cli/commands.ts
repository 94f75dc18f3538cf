/** Commands one after the other in one process, each asked for as a line of JSON. Whatever one of them left open keeps this process alive. */
import { createInterface } from 'node:readline'
import { Readable, Writable } from 'node:stream'
import { main } from '../../src/cli/main.ts'

export interface Asked {
  readonly folder: string
  readonly args: readonly string[]
  readonly input: string
  readonly env: Readonly<Record<string, string>>
}

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly errors: string
}

function collecting(): { readonly stream: Writable; text(): string } {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    },
  })
  return { stream, text: () => Buffer.concat(chunks).toString() }
}

async function run({ folder, args, input, env }: Asked): Promise<Ran> {
  const [out, errors] = [collecting(), collecting()]
  process.chdir(folder)
  Object.assign(process.env, env)
  const code = await main(args, {
    input: Readable.from(input === '' ? [] : [input]),
    output: out.stream,
    errors: errors.stream,
    clock: Date.now,
  })
  for (const name of Object.keys(env)) delete process.env[name]
  return { code, out: out.text(), errors: errors.text() }
}

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    const asked: Asked = JSON.parse(line)
    process.stdout.write(`${JSON.stringify(await run(asked))}\n`)
  }
}
