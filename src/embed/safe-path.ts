/** For authors of tools: a path that somebody sent, as a path that may be opened. */
import { lstat, realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { Denial, Fault } from '../core/denial.ts'
import { judgePath } from '../inspect/path.ts'

const refused = (why: string, cause?: unknown): Denial =>
  new Denial('invalid_arguments', { detail: `a path that is not to be opened: ${why}`, cause })

/**
 * The real path of `input` below `root`: symbolic links are resolved and must end below the root too. What does not exist yet may be named,
 * for writing; then everything above it that exists is real.
 * What is checked here can be changed before it is opened by whoever can write below the root: where that is not only you, open with
 * `O_NOFOLLOW`, or put the server into a sandbox.
 * @param root a folder that exists; relative to the working folder.
 * @param input relative to the root, or absolute and below it.
 * @returns an absolute path without links.
 * @throws Denial `invalid_arguments` when it leads out, or is written so that some reader takes it for another path. Its `detail` is not for the caller.
 * @throws Fault `FAULT_ROOT` when there is no such root.
 */
export async function safePath(root: string, input: string): Promise<string> {
  const written = resolve(root)
  const label = judgePath(input, { within: [written] })
  // Files with secrets are for the author to judge: a tool may well be there to write `.env`.
  if (label !== undefined && label !== 'sensitive-file') throw refused(label)
  if (/^file:/i.test(input)) throw refused('a URL is no path')
  const real = await realpath(written).catch((cause: unknown) => {
    throw new Fault('FAULT_ROOT', 'The root is no folder that can be read', { cause })
  })
  const below = isAbsolute(input) ? relative(written, input) : input
  const found = await realOf(resolve(real, below))
  if (found !== real && !found.startsWith(real.endsWith(sep) ? real : real + sep)) throw refused('it leads out of the root')
  return found
}

/** What exists of it, resolved; and the rest as it was named. */
async function realOf(path: string): Promise<string> {
  const rest: string[] = []
  for (let at = path; ; at = dirname(at)) {
    try {
      return join(await realpath(at), ...rest)
    } catch (cause) {
      // A link that leads nowhere would be followed when the file is made.
      if (!isMissing(cause) || (await isLink(at)) || dirname(at) === at) throw refused('it cannot be resolved', cause)
      rest.unshift(at.slice(dirname(at).length).replace(/^[/\\]/, ''))
    }
  }
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

async function isLink(path: string): Promise<boolean> {
  return await lstat(path).then(
    (stats) => stats.isSymbolicLink(),
    () => false,
  )
}
