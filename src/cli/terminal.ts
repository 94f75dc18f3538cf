/** Where a command speaks and listens: streams, colours, tables, and the codes it ends with. */
import type { Readable, Writable } from 'node:stream'
import { stripVTControlCharacters, styleText } from 'node:util'
import type { Clock } from '../core/time.ts'
import { visible } from '../core/visible.ts'

export { howLong, when } from '../core/time.ts'

/** What the shell is told. Scripts rely on these: they do not change. */
export const EXIT = { ok: 0, refused: 1, usage: 2, configuration: 3 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export interface Terminal {
  readonly input: Readable
  /** What was asked for, and nothing else: it may be read by a program. */
  readonly output: Writable
  /** What a person is told beside it. */
  readonly errors: Writable
  readonly clock: Clock
  /** From now on nothing ends because nobody reads what is said. */
  readonly last?: () => void
}

export type Style = Parameters<typeof styleText>[0]

/** One cell: its text, and how it looks on a terminal that has colours. */
export type Cell = string | { readonly text: string; readonly style: Style }

export function say(terminal: Terminal, text: string): void {
  terminal.output.write(`${text}\n`)
}

export function note(terminal: Terminal, text: string): void {
  terminal.errors.write(`${text}\n`)
}

/** One value as one line of JSON. */
export function sayJson(terminal: Terminal, value: unknown): void {
  terminal.output.write(`${JSON.stringify(value)}\n`)
}

/** Colours only where a person will see them: `styleText` asks the stream, NO_COLOR and FORCE_COLOR. */
export function styled(stream: Writable, style: Style, text: string): string {
  return styleText(style, text, { stream })
}

/** Columns as wide as their widest cell; the last one is left ragged. */
export function table(terminal: Terminal, header: readonly string[], rows: readonly (readonly Cell[])[]): void {
  const lines = [header.map((text): Cell => ({ text, style: 'bold' })), ...rows]
  const widths = header.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? ''))))
  for (const line of lines) {
    const cells = line.map((cell, column) => {
      const shown = typeof cell === 'string' ? visible(cell) : styled(terminal.output, cell.style, visible(cell.text))
      const space = column === line.length - 1 ? 0 : (widths[column] ?? 0) - widthOf(cell)
      return shown + ' '.repeat(space)
    })
    say(terminal, cells.join('  ').trimEnd())
  }
}

function widthOf(cell: Cell): number {
  return [...stripVTControlCharacters(visible(typeof cell === 'string' ? cell : cell.text))].length
}
