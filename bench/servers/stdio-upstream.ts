/** A hand-written MCP server over stdio that answers at once. */
import { answer } from './answer.ts'

let rest = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', (chunk: string) => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop() ?? ''
  const answers = lines.map((line) => (line === '' ? '' : answer(line))).filter((line) => line !== '')
  if (answers.length > 0) process.stdout.write(`${answers.join('\n')}\n`)
})
