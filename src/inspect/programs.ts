/** Programs by what they do to a machine: which of them a workspace never needs, and which only with some arguments. */

import { judgeSource } from './code.ts'
import { isPrivateHost } from './hosts.ts'
import type { Label } from './labels.ts'

export interface Program {
  /** Without its folder, lower case. */
  readonly name: string
  readonly rest: readonly string[]
  /** Whether it reads what another program wrote. */
  readonly isPiped: boolean
  /** What it is given to read in the same text: here-documents, here-strings. */
  readonly given: readonly string[]
  /** How a command within a command is judged. */
  readonly judgeInner: (text: string) => Label | undefined
}

const set = (text: string): ReadonlySet<string> => new Set(text.split(' '))
/** More rights, other roots, the kernel, the disks, the end of the machine. */
const NEVER = set(
  'sudo su doas pkexec runas chroot nsenter unshare setcap insmod modprobe rmmod mount umount iptables nft visudo passwd chpasswd useradd usermod adduser ' +
    'userdel groupadd shred wipefs fdisk parted sfdisk mkswap swapoff shutdown reboot halt poweroff init telinit sysctl eval systemctl service launchctl schtasks ' +
    'reg sc bcdedit vssadmin wmic mshta regsvr32 rundll32 certutil bitsadmin cscript wscript iex invoke-expression msfvenom msfconsole gdbserver debugfs ' +
    'tcpdump hydra john hashcat sqlmap xmrig minerd at batch ptrace gcore',
)
const NETWORK = set(
  'curl wget wget2 nc ncat netcat nc.traditional socat telnet ftp tftp sftp scp ssh aria2c axel lynx w3m links http https xh nmap masscan iwr irm ' +
    'invoke-webrequest invoke-restmethod ngrok cloudflared localtunnel lt frpc chisel croc rclone dig nslookup host openssl',
)
const NEEDY = set('eval sudo doas pkexec runas')
const INTERPRETERS =
  /^(?:(?:ba|z|da|k|c|tc|fi|a)?sh|python[\d.]*|perl[\d.]*|ruby[\d.]*|node|deno|bun|php[\d.]*|lua|pwsh|powershell|tclsh|osascript)$/
const PACKAGES = set('npm npx pnpm yarn bun pip pip3 pipx uv gem cargo go git hg svn brew apt apt-get')

/** Hands something to everybody, with the rights of whoever is signed in. */
const PUBLISHING = /^(?:npm|pnpm|yarn|cargo|gem|twine|poetry|uv) (?:publish|push|upload|adduser|login|token|owner|yank)$/
/** Settings of git that name a program, or a place to fetch from instead. */
const SETS_PROGRAM =
  /^(?:core\.(?:hookspath|sshcommand|pager|editor|fsmonitor|askpass|gitproxy|alternaterefscommand)|credential\..{0,80}|diff\.\w{0,40}\.?(?:external|command|textconv)|\w{1,10}\.\w{0,40}\.(?:driver|cmd|clean|smudge|process)|url\..{1,200}\.insteadof|sequence\.editor|gpg\.program|include\.path|uploadpack\.packobjectshook)$/i

/** `git config` that sets something, or an alias that is a command of its own. */
function configures(rest: readonly string[]): boolean {
  const [command, ...words] = rest.filter((word) => !word.startsWith('-'))
  return command === 'config' && words.length > 1 && !rest.some((word) => /^--(?:get|unset|list)/.test(word))
}

export function judgeProgram(program: Program): Label | undefined {
  const { name, rest, isPiped } = program
  // Without a word behind it nothing is run or fetched.
  if (rest.length === 0 && (NETWORK.has(name) || NEEDY.has(name))) return undefined
  if (NEVER.has(name) || name.startsWith('mkfs')) return 'dangerous-command'
  if (NETWORK.has(name)) return isLocal(name, rest) ? undefined : 'network-command'
  if (INTERPRETERS.test(name)) return judgeInterpreter(program)
  if (PUBLISHING.test(`${name} ${rest.find((word) => !word.startsWith('-')) ?? ''}`)) return 'network-command'
  if (name === 'git' && rest.some((word) => SETS_PROGRAM.test(word) || word.startsWith('!')) && configures(rest)) return 'dangerous-command'
  if (PACKAGES.has(name))
    return rest.some((word) => /^(?:https?|git\+\w{3,5}|ssh|git|ext):/i.test(word) || /^[\w.-]{1,64}@[\w.-]{1,255}:/.test(word))
      ? 'network-command'
      : undefined
  if (name === 'alias' || name === 'trap')
    return rest.map((word) => program.judgeInner(word.slice(word.indexOf('=') + 1))).find((label) => label !== undefined)
  return isPiped && (name === 'source' || name === '.') ? 'dangerous-command' : judgeArguments(name, rest)
}

/** Every place that is named is this machine, and nothing is handed over from a file. */
function isLocal(name: string, rest: readonly string[]): boolean {
  if (name === 'openssl') return !rest.includes('s_client')
  if (/^(?:nc|ncat|netcat)$/.test(name)) return rest.some((word) => LOCAL.test(word)) && !rest.some((word) => /^-\w{0,8}[lec]/.test(word))
  if (name !== 'curl' && name !== 'wget' && name !== 'http') return false
  const places = rest.filter(
    (word) => !word.startsWith('-') && /^(?:https?:\/\/)?[\w.[\]:-]{1,255}(?:[/:?]|$)/.test(word) && /[.:/]|localhost/.test(word),
  )
  return (
    places.length > 0 &&
    places.every((word) => LOCAL.test(word)) &&
    !rest.some((word) => /^(?:-T|--upload-file|--post-file|-F)/.test(word) || word.startsWith('@'))
  )
}

const LOCAL = /^(?:https?:\/\/)?(?:localhost|127\.0\.0\.1|\[::1\])(?:[/:?]|$)/

/** Programs that run what they are given: from another program, they run anything. */
function judgeInterpreter({ name, rest, isPiped, given, judgeInner }: Program): Label | undefined {
  const scripted = rest.find((word) => !word.startsWith('-'))
  if (/sh$/.test(name) && rest.length === 1 && rest[0] === '-i') return 'dangerous-command'
  if (isPiped && (scripted === undefined || rest.includes('-s') || rest[0] === '-')) return 'dangerous-command'
  if (/^(?:pwsh|powershell)$/.test(name) && rest.some((word) => /^-e(?:nc|ncodedcommand|c)?$/i.test(word))) return 'dangerous-command'
  const flag = rest.findIndex((word) => /^-(?:\w{0,4}c|e|-eval|r|E|p|-print|-command)$/i.test(word))
  const inner = flag === -1 ? undefined : rest[flag + 1]
  return [...(inner === undefined ? [] : [inner]), ...given]
    .map((source) => judgeGiven(name, source, judgeInner))
    .find((label) => label !== undefined)
}

/** What an interpreter runs. */
function judgeGiven(name: string, inner: string, judgeInner: Program['judgeInner']): Label | undefined {
  if (STARTS_SHELL.test(inner) || (/^(?:perl|ruby|php)/.test(name) && /`[^`]{1,400}`|\bqx\W/.test(inner))) return 'dangerous-command'
  return (
    (/sh$/.test(name) && name !== 'tclsh' ? judgeInner(inner) : undefined) ??
    judgeSource(inner) ??
    (/\bsocket\b|urllib|urlopen|requests\.|\bfetch\(|net\.connect|\bhttps?['")\]]{0,3}\.(?:get|request)|IO::Socket|\buse Socket\b|HTTP::Tiny|LWP::|TCPSocket|Net::HTTP|open-uri|(?:file_get_contents|fopen)\s{0,4}\(\s{0,4}['"]https?:|fsockopen|curl_init/.test(
      inner,
    )
      ? 'network-command'
      : undefined)
  )
}

/** A command within a program within a command: nobody could read what is run. */
const STARTS_SHELL =
  /\bos\.(?:system|execute|popen|exec[lv]\w{0,3}|spawn[lv]\w{0,3})\s{0,4}\(|\bsubprocess\b|\bchild_process\b|(?:^|[\s;({])(?:system|exec|shell_exec|passthru|proc_open|popen|spawn)\s{0,4}[("'q]|\bIO\.popen\b|\bpty\.spawn\b|\bDeno\.(?:run|Command)\b|\bBun\.(?:spawn|\$)/

/** Outside of the workspace, or the whole of it. */
const isGreedy = (word: string): boolean => isFarPath(word) || /^(?:\.{1,2}|\.{0,2}\/?\*|\.\/|\.git\/?)$/.test(word)
const isFarPath = (word: string): boolean =>
  /^(?:\/|~|\$\{?HOME|\$\{?\w{1,40}\}?\/|[A-Za-z]:[\\/])/.test(word)
    ? !/^\/tmp\/[\w-]/.test(word)
    : /(?:^|\/)\.\.(?:\/\.\.|\/?$|\/\*)/.test(word)

/** Programs that are harmful with some arguments: each says with which. */
const HARMFUL: Readonly<Record<string, (rest: readonly string[], targets: readonly string[]) => Label | undefined>> = {
  rm: removes,
  rmdir: removes,
  rd: removes,
  del: removes,
  find: (rest, targets) =>
    danger(targets.slice(0, 1).some(isFarPath) && rest.some((word) => /^-(?:delete|exec|execdir|ok|fprintf?)$/.test(word))),
  dd: (rest) => danger(rest.some((word) => /^(?:of=\/dev\/(?!null)|of=\/(?!tmp\/)|if=\/dev\/(?:mem|kmem|sd|nvme|hd))/.test(word))),
  chmod: changesRights,
  chown: changesRights,
  chgrp: changesRights,
  mv: writesFar,
  cp: writesFar,
  ln: writesFar,
  install: writesFar,
  tee: (_, targets) => danger(targets.some(isFarPath)),
  rsync: (rest, targets) => (targets.some((word) => /^[\w.@-]{1,255}:|^rsync:/.test(word)) ? 'network-command' : writesFar(rest, targets)),
  tar: packs,
  zip: packs,
  '7z': packs,
  kill: (rest) => danger(rest.includes('-1')),
  killall: (rest) => danger(rest.includes('-u')),
  crontab: (rest) => danger(!rest.includes('-l')),
  history: (rest) => danger(rest.includes('-c')),
  unset: (rest) => danger(rest.some((word) => word.startsWith('HIST'))),
  docker: opensHost,
  podman: opensHost,
  awk: runsOfAwk,
  gawk: runsOfAwk,
  mawk: runsOfAwk,
  nawk: runsOfAwk,
  sed: sedRuns,
  sort: (rest) => danger(rest.some((word) => word.startsWith('--compress-program'))),
  vim: editorRuns,
  vi: editorRuns,
  nvim: editorRuns,
  ex: editorRuns,
  mkfifo: () => 'dangerous-command',
  truncate: (_, targets) => danger(targets.some(isFarPath)),
  ping: (_, targets) =>
    targets.every((word) => /^\d{1,4}$/.test(word) || isPrivateHost(word.toLowerCase())) ? undefined : 'network-command',
}

function judgeArguments(name: string, rest: readonly string[]): Label | undefined {
  const judge = Object.hasOwn(HARMFUL, name) ? HARMFUL[name] : undefined
  return judge?.(
    rest,
    rest.filter((word) => !word.startsWith('-')),
  )
}

const danger = (isHarmful: boolean): Label | undefined => (isHarmful ? 'dangerous-command' : undefined)

function removes(rest: readonly string[], targets: readonly string[]): Label | undefined {
  const isRecursive = rest.some((word) => /^-\w{0,8}[rR]|^--recursive|^\/s/i.test(word))
  const isOfSystem = targets.some((word) => /^\/(?:etc|usr|bin|boot|lib|var|sbin)\b/.test(word))
  return danger((isRecursive && targets.some(isGreedy)) || rest.includes('--no-preserve-root') || isOfSystem)
}

function changesRights(_: readonly string[], targets: readonly string[]): Label | undefined {
  return danger(targets.some((word) => /^[ugoa]{0,4}\+\w{0,2}s|^[2467]\d{3}$/.test(word)) || targets.slice(1).some(isFarPath))
}

function writesFar(_: readonly string[], targets: readonly string[]): Label | undefined {
  return danger(targets.slice(-1).some(isFarPath))
}

/** A text of awk; one that does not end is taken to the end and left as it is, so that each is looked at once. */
const AWK_TEXT = /"(?:[^"\\]|\\.)*("|$)/gs

/** Outside of its texts, where it runs a command or opens a connection. */
function runsOfAwk(rest: readonly string[]): Label | undefined {
  return danger(
    rest.some((word) => {
      const bare = word.replace(AWK_TEXT, (whole, end: string) => (end === '' ? whole : '""'))
      return /\bsystem\s{0,4}\(|\|&|"\s{0,4}\|\s{0,4}getline|\|\s{0,4}""/.test(bare) || /\/inet[46]?\//.test(word)
    }),
  )
}

function editorRuns(rest: readonly string[]): Label | undefined {
  return danger(rest.some((word) => /^(?:\+|-c)?\s{0,4}:?\s{0,4}(?:!|silent\s{0,2}!|\w{0,3}\s{0,2}system\()/.test(word)))
}

function sedRuns(rest: readonly string[]): Label | undefined {
  return danger(
    rest.some(
      (word) =>
        /(?:^|[;{}\n])\s{0,4}(?:\d{1,8}|\$|\/[^/]{0,200}\/)?\s{0,4}e\s{1,4}[\w/.~$]/.test(word) ||
        /^s\/[^/]{0,400}\/[^/]{0,400}\/\w{0,4}e/.test(word),
    ),
  )
}

function packs(_: readonly string[], targets: readonly string[]): Label | undefined {
  return targets.some((word) => /^(?:\/|~)$/.test(word) || /^\/(?:etc|root|home|var)(?:\/|$)/.test(word)) ? 'sensitive-file' : undefined
}

function opensHost(rest: readonly string[]): Label | undefined {
  const opens =
    /^--(?:privileged|pid=host|net=host|network=host|cap-add)|^(?:-v|--volume)?=?\/(?:(?:etc|root|home|var|proc|sys|dev|usr|boot)\/?)?:|docker\.sock/
  return danger(rest.some((word) => opens.test(word)))
}
