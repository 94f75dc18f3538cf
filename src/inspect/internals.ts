/** What an error, a log message or progress says of the machine it happened on: stack traces, addresses that are not public, files of somebody's home and of programs. */
import type { Span } from './assigned.ts'
import { isPrivateHost } from './hosts.ts'

const LINE = '[^\\r\\n\\\\]'
const BREAK = '(?:\\r?\\n|\\\\n|^)'
/** How the languages of servers write where they were. Each row is linear in the text. */
const TRACES: readonly RegExp[] = [
  // Node.js, Java, Kotlin, .NET: a line each, and what Java says of the lines it left out.
  new RegExp(
    `(?:${BREAK}[ \\t]+at (?=${LINE}{0,400}(?:[:(]|line )\\d*)${LINE}{1,400})+(?:${BREAK}[ \\t]*\\.\\.\\. \\d+ (?:more|common frames omitted))?`,
    'g',
  ),
  // Python: the frames; the error itself stays.
  /Traceback \(most recent call last\):(?:(?:\r?\n|\\n)[ \t][^\r\n\\]{0,400}(?:\\"[^\r\n\\]{0,400}){0,8})+/g,
  new RegExp(`(?:${BREAK}[ \\t]*File \\\\?"[^"\\r\\n]{1,300}", line \\d+(?:, in ${LINE}{1,100})?)+`, 'g'),
  // Go: everything from the goroutine on.
  /goroutine \d+ \[[^\]\r\n]{1,60}\]:[\s\S]{0,20000}$/g,
  // PHP, Ruby, Rust.
  new RegExp(`(?:${BREAK}[ \\t]*#\\d{1,3} ${LINE}{1,400})+`, 'g'),
  /(?<![^\s'"`(])[^\s'"`(]{1,200}\.(?:rb|ex|exs):\d+:in [`'"][^'"`\r\n]{1,100}['"`]/g,
  /(?:panicked at |stack backtrace:)[^\r\n]{1,300}/g,
  /stack backtrace:(?:(?:\r?\n|\\n)[ \t]+(?:\d{1,4}:|at )[^\r\n\\]{0,400})+/g,
  new RegExp(`(?:${BREAK}[ \\t]+\\d{1,4}: ${LINE}{1,400}(?:\\r?\\n|\\\\n)[ \\t]+at ${LINE}{1,400})+`, 'g'),
  // Elixir and Erlang, PL/SQL.
  new RegExp(
    `(?:${BREAK}[ \\t]+(?:\\([a-z]\\w{0,60}(?: [\\w.+-]{1,40})?\\) )?[^\\s:()\\\\]{1,200}\\.(?:exs?|erl|hrl):\\d{1,6}: ${LINE}{1,400})+`,
    'g',
  ),
  /ORA-06512: at [^\r\n\\]{1,200}/g,
  // A file of a program and the line in it, also as .NET and PHP write it.
  /[A-Za-z]:\\{1,2}[^\r\n'"`<>|:]{1,300}:line \d{1,7}/g,
  /(?<![^\s'"`()<>|:=])(?:\/|[A-Z]:\\{1,2})[^\s'"`()<>|]{2,300}\.\w{1,8}:? on line \d{1,7}/g,
  /(?: in )\/[^\s'"`()<>|:]{2,300}:line \d{1,7}/g,
  /(?:\/|[A-Z]:\\{1,2}|file:\/\/\/)[^\s'"`()<>|]{2,300}\.(?:[cm]?[jt]sx?|py|java|kt|scala|go|rs|php|cs|cpp|c|h|swift|lua|pl):\d+(?::\d+)?/g,
]
const PATHS: readonly RegExp[] = [
  /(?:\/home|\/Users)\/[^\s/'"`():<>|\\,;]{1,64}(?:\/[^\s'"`():<>|\\,;]{0,300})?/g,
  /(?<![\w.])\/root\/[^\s'"`():<>|\\,;]{1,300}/g,
  /[A-Za-z]:\\{1,2}Users\\{1,2}[^\r\n'"`:<>|,;]{1,300}/g,
  /(?:\/[^\s'"`():<>|\\,;/]{1,64}){1,20}\/(?:node_modules|site-packages|dist-packages|\.venv|\.cargo|\.rustup|\.npm|\.nvm|vendor\/bundle)\/[^\s'"`():<>|\\,;]{0,300}/g,
]
const ADDRESS =
  /(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w-]|\.\d)|\[[0-9a-fA-F:]{2,45}\](?::\d{1,5})?|(?<![\w.:-])(?:f[cd][0-9a-f]{2}|fe80)(?::{1,2}[0-9a-fA-F]{1,4}){1,7}(?![\w:])|(?<![\w.:-])::1(?::\d{1,5})?(?![\w:])/g
const HOST =
  /(?<=\/\/|@|\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|host|hostname|resolve|lookup|to)[ =:]{1,2}["']?)([a-zA-Z0-9][a-zA-Z0-9.-]{0,252})(?::\d{1,5})?/g
/** What is reached over a network by the name in front of its path: other schemes name what a server calls its own (`memo://insights`). */
const REACHED =
  /\b(?:https?|wss?|rediss?|valkeys?|postgres(?:ql)?|mysql|mariadb|sqlserver|oracle|mongodb(?:\+srv)?|cassandra|clickhouse|etcd|memcached|amqps?|mqtts?|nats|kafka|pulsar|ldaps?|smtps?|imaps?|s?ftp|ssh|tcp|udp|tls|grpcs?|consul|vault|bolt|neo4j(?:\+s)?):\/\/(?:[^\s/@'"`<>]{1,200}@)?([a-zA-Z0-9_][a-zA-Z0-9_.-]{0,252})(?::\d{1,5})?/gi
/** What systems say in front of a host: a name of one word is one, where it is no word of a sentence. */
const CODED =
  /\b(?:(getaddrinfo(?: E[A-Z_]{3,20})?|ENOTFOUND|EAI_AGAIN)|ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNRESET|dial tcp|on host|to host|resolve host|connect(?:ing|ion|ed)? to)[ :=]{1,2}(?:server (?:at )?)?["']?([a-zA-Z0-9_][a-zA-Z0-9_.-]{0,252})((?::\d{2,5})?)/g
/** Hosts by the ends that nobody gives to anything else. */
const INTERNAL =
  /(?<![\w.-])(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,62})\.){1,8}(?:internal|intranet|corp|lan|localdomain|local|svc|consul)(?::\d{1,5})?(?![\w-]|\.\w)|(?<![\w.-])localhost:\d{1,5}|(?<![\w.-])[a-z0-9](?:[a-z0-9-]{0,62})\.(?:default|kube-system|monitoring|production|prod|staging):\d{3,5}(?![\w-]|\.\w)/g
/** Shares of machines, as Windows writes them. */
const SHARE = /(?<=^|[\s"'`(=])\\{2,4}[A-Za-z0-9][\w.-]{2,62}\\{1,2}[\w$.-]{1,80}(?:\\{1,2}[\w$.-]{1,80}){0,16}/g

/** Errors are short; a longer text is an error's by accident, and its beginning and end tell. */
const LOOKED_AT_CHARS = 64 * 1024

export function internalsIn(text: string): readonly Span[] {
  if (text.length > 2 * LOOKED_AT_CHARS) {
    const tailAt = text.length - LOOKED_AT_CHARS
    const tail = internalsIn(text.slice(tailAt)).map(({ rule, start, end }) => ({ rule, start: start + tailAt, end: end + tailAt }))
    return [...internalsIn(text.slice(0, LOOKED_AT_CHARS)), ...tail]
  }
  const found: Span[] = []
  const note = (rule: string, start: number, length: number): void => void found.push({ rule, start, end: start + length })
  for (const pattern of TRACES) for (const { index, 0: whole } of text.matchAll(pattern)) note('stack-trace', index, whole.length)
  for (const pattern of PATHS) for (const { index, 0: whole } of text.matchAll(pattern)) note('path', index, whole.length)
  for (const { index, 0: whole } of text.matchAll(ADDRESS)) if (isPrivateHost(hostOf(whole))) note('address', index, whole.length)
  for (const { index, 0: whole, 1: host = '' } of text.matchAll(HOST)) {
    const name = host.toLowerCase().replace(/\.$/, '')
    if (/[a-z]/.test(name) && (name === 'localhost' || (name.includes('.') && isPrivateHost(name)))) note('address', index, whole.length)
  }
  for (const { index, 0: whole, 1: host = '' } of text.matchAll(REACHED)) {
    const at = whole.lastIndexOf('//') + 2
    if (isOwn(host)) note('address', index + at, whole.length - at)
  }
  for (const { index, 0: whole, 1: sure, 2: host = '', 3: port = '' } of text.matchAll(CODED)) {
    const length = host.length + port.length
    // Behind what tells of names alone, one that ends there is one, whatever it looks like.
    const isLast = sure !== undefined && /^(?:\.?\s?$|["'`,;)\]\r\n\\])/.test(text.slice(index + whole.length, index + whole.length + 3))
    const isName = isLast || port !== '' || /[a-z]-?\d|^\d|[a-z]-[a-z]/i.test(host)
    if (isName && isOwn(host)) note('address', index + whole.length - length, length)
  }
  for (const { index, 0: whole } of text.matchAll(SHARE)) note('address', index, whole.length)
  for (const { index, 0: whole } of text.matchAll(INTERNAL)) note('address', index, whole.length)
  return found
}

/** Whether a host is of this network: by its name, or by its address in any of the ways to write one (`2130706433`, `0x7f000001`). */
function isOwn(host: string): boolean {
  if (/^\d{1,3}(?:ms|s|m)?$/.test(host)) return false
  const name = URL.parse(`http://${host.replace(/[._-]+$/, '')}`)?.hostname
  return name !== undefined && isPrivateHost(name)
}

/** As WHATWG URL would give it; what is no address of its own is nobody's. */
function hostOf(text: string): string {
  if (text.startsWith('[')) return text.slice(0, text.indexOf(']') + 1).toLowerCase()
  if (text.startsWith('::1')) return '[::1]'
  if (/^f[cde]/i.test(text)) return `[${text.toLowerCase()}]`
  const host = text.replace(/:\d+$/, '')
  return host.split('.').every((part) => Number(part) <= 255) ? host : 'public.example.com'
}
