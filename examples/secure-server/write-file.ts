/** Writes a text below one folder and nowhere else: the rules of the `write_file` tool. */
import { constants } from 'node:fs'
import { lstat, mkdir, open, realpath } from 'node:fs/promises'
import { join } from 'node:path'

/** A tool for notes, not for archives. */
export const FILE_MAX_BYTES = 64 * 1024
const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._ -]{0,127}$/
const SEGMENTS_MAX = 8

/** What is wrong with a request, in words for the caller. */
export class WriteRefused extends Error {
  override readonly name = 'WriteRefused'
}

/** A relative path as its segments: no root, no `..`, no `.`, no empty or hidden segment, no character another system reads differently. */
function parsePath(path: string): readonly string[] {
  const segments = path.split('/')
  if (segments.length > SEGMENTS_MAX) throw new WriteRefused(`The path has more than ${SEGMENTS_MAX} parts.`)
  for (const segment of segments) {
    if (!SEGMENT.test(segment)) throw new WriteRefused('The path must be relative, of letters, digits and "._- ", without hidden parts.')
  }
  return segments
}

/** Makes the folders on the way, one by one, and follows no symbolic link. */
async function enter(root: string, folders: readonly string[]): Promise<string> {
  let folder = root
  for (const name of folders) {
    folder = join(folder, name)
    await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    const found = await lstat(folder)
    if (!found.isDirectory()) throw new WriteRefused('A part of the path is not a folder.')
  }
  // Whoever changes the tree meanwhile must not lead us out of it.
  if ((await realpath(folder)) !== folder) throw new WriteRefused('A part of the path is not a folder.')
  return folder
}

/**
 * Writes `content` to `path` below `root`, replacing what was there.
 * @param root absolute, canonical
 * @returns bytes written
 * @throws WriteRefused when the path leaves the root, goes through a link, or the content is too large
 */
export async function writeBelow(root: string, path: string, content: string): Promise<number> {
  const segments = parsePath(path)
  const bytes = Buffer.from(content, 'utf8')
  if (bytes.length > FILE_MAX_BYTES) throw new WriteRefused(`The content is larger than ${FILE_MAX_BYTES} bytes.`)
  const folder = await enter(root, segments.slice(0, -1))
  // O_NOFOLLOW: a symbolic link in the last place is refused by the system itself. Emptied only once it is known to be ours.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await open(join(folder, segments.at(-1) ?? ''), flags, 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ELOOP' || error.code === 'EISDIR' || error.code === 'ENXIO')
      throw new WriteRefused('There is something else than a file.')
    throw error
  })
  try {
    const found = await file.stat()
    if (!found.isFile() || found.nlink !== 1) throw new WriteRefused('There is something else than a file.')
    await file.truncate(0)
    await file.write(bytes, 0, bytes.length, 0)
    return bytes.length
  } finally {
    await file.close()
  }
}
