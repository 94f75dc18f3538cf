/** Paths: brought to their one canonical form once, and held to the roots they may lie within. Symbolic links are the sandbox's matter. */
import { readEveryWay } from './decode.ts'
import type { Label } from './labels.ts'
import { isSensitive } from './places.ts'

/** Far above PATH_MAX of every system. */
const PATH_MAX_CHARS = 4096
const DRIVE = /^[A-Za-z]:/
/** Names that Windows opens as devices, whatever stands behind a dot or a colon; in any folder. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?:[ .:]|$)/i
/** `name.ext:stream` and `name::$DATA` (NTFS). */
const STREAM = /:\$|::|\.[A-Za-z0-9]{1,8}:[A-Za-z$_]/
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]{1,30}:/
/** Schemes that readers of files take without slashes (PHP wrappers, Java). */
const WRAPPER =
  /^(?:file|jar|zip|phar|php|data|expect|glob|ogg|rar|ssh2|dict|gopher|ftp|https?|netdoc|compress\.\w{2,8}|unix|view-source|jndi|classpath|url)$/i
/** What a shell or a path library expands: a home folder, a variable, a command. */
const EXPANDS = /^~(?:[\w.+-]{0,64}[/\\]|$|root$)|\$(?:\{|\(|[A-Z_]{2})|^\$\w|%[A-Za-z_][A-Za-z0-9_()]{1,40}%|`/
/** Windows drops dots and spaces at the end of a name, some servers whatever stands behind a semicolon. */
function withoutEnd(name: string): string {
  const parameter = name.indexOf(';')
  let end = parameter === -1 ? name.length : parameter
  while (end > 0 && (name[end - 1] === '.' || name[end - 1] === ' ')) end--
  return name.slice(0, end)
}

export interface PathRule {
  /** Absolute folders of the machine that the server runs on; without any, only the form is judged. */
  readonly within?: readonly string[]
}

export function judgePath(text: string, rule: PathRule): Label | undefined {
  if (text.length > PATH_MAX_CHARS) return 'path-form'
  return readEveryWay(
    text,
    { percent: true, entities: text.includes('&#'), escapes: text.includes('\\u') || text.includes('\\x'), base64: true },
    (view) => judgeView(view, rule),
  )
}

function judgeView(text: string, rule: PathRule): Label | undefined {
  if (/[\0-\x1f\x7f]/.test(text)) return 'path-form'
  const scheme = SCHEME.exec(text)?.[0].slice(0, -1)
  if (scheme?.toLowerCase() === 'file') return judgeFileUrl(text, rule)
  if (scheme !== undefined && (text.startsWith('//', scheme.length + 1) || WRAPPER.test(scheme))) return 'path-form'
  if (DRIVE.test(text) && !isWithinDrive(text, rule)) return 'path-form'
  if (/^[/\\]{2}[^/\\]/.test(text) || /^[/\\]{2,}[?.][/\\]/.test(text) || /^\\\\|^\\\?\?\\/.test(text)) return 'path-form'
  if (EXPANDS.test(text)) return 'path-form'
  return judgeSegments(text, rule)
}

/** `file:` URLs are taken by many servers for paths. */
function judgeFileUrl(text: string, rule: PathRule): Label | undefined {
  const [, host = '', path = ''] = /^file:(?:\/\/([^/\\]*))?(.*)$/is.exec(text) ?? []
  return host !== '' && host.toLowerCase() !== 'localhost' ? 'path-form' : judgeSegments(path, rule)
}

function judgeSegments(text: string, { within = [] }: PathRule): Label | undefined {
  const isAbsolute = /^[/\\]/.test(text)
  // Readers that strip `../` once make `../` of `....//`, and some take any run of dots for it.
  const parts = text.split(/[/\\]+/)
  if (parts.some(isDotRun)) return 'path-traversal'
  const { segments, climbs } = canonicalise(parts)
  if (segments.some((segment) => DEVICE.test(segment) || STREAM.test(segment))) return 'path-form'
  if (climbs > 0 && !isAbsolute) return 'path-traversal'
  if (isAbsolute && within.length > 0) {
    const roots = within.map((root) => canonicalise(root.split(/[/\\]+/)).segments)
    const root = roots.find((candidate) => candidate.every((segment, index) => segments[index] === segment))
    if (root === undefined) return isSensitive(segments, true) ? 'sensitive-file' : 'path-traversal'
    return isSensitive(segments.slice(root.length), false) ? 'sensitive-file' : undefined
  }
  if (isSensitive(segments, isAbsolute)) return 'sensitive-file'
  return isAbsolute && within.length === 0 ? 'absolute-path' : undefined
}

/** `...`, `.. `, `..;x`, `. .`: no honest folder is called so, and some reader takes each of them for `..`. */
function isDotRun(segment: string): boolean {
  if (segment.length < 3 || segment[0] !== '.') return false
  return /^\.{3,}$/.test(segment) || /^\.[. ]*\.[ ;\0]/.test(segment) || /^\.\.[ .]+$/.test(segment)
}

/** `.` and `..` resolved; `climbs` counts the `..` that led above the beginning. */
function canonicalise(parts: readonly string[]): { readonly segments: readonly string[]; readonly climbs: number } {
  const segments: string[] = []
  let climbs = 0
  for (const part of parts) {
    const name = part === '.' || part === '..' ? part : withoutEnd(part)
    if (name === '' || name === '.') continue
    if (name !== '..') segments.push(name)
    else if (segments.pop() === undefined) climbs++
  }
  return { segments, climbs }
}

/** On Windows a root is on a drive too; `C:name` is relative to wherever that drive stands, and never meant. */
function isWithinDrive(text: string, { within = [] }: PathRule): boolean {
  return /^[A-Za-z]:[/\\]/.test(text) && within.some((root) => DRIVE.test(root) && root[0]?.toLowerCase() === text[0]?.toLowerCase())
}
