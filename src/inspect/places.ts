/** Files that hold what nobody hands out: keys, passwords, the memory of processes; and places that are no files at all. */

/** Names of files and folders that hold keys and passwords, wherever they are; lower case. */
const SECRET_NAMES = new Set(
  [
    '.ssh .aws .azure .gnupg .kube .docker .gcloud .oci .vault-token .terraform.d .password-store id_rsa id_dsa id_ecdsa id_ed25519 id_ed25519_sk',
    'authorized_keys .netrc _netrc .pgpass .my.cnf .npmrc .pypirc .dockercfg .git-credentials .htpasswd .env .env.local .env.production .env.development',
    '.env.staging .envrc .s3cfg .boto .rhosts .shosts .fetchmailrc application_default_credentials.json credentials.db master.key ntds.dit',
    '.bash_history .zsh_history .sh_history .history .python_history .node_repl_history .mysql_history .psql_history .sqlite_history .rediscli_history',
  ].flatMap((line) => line.split(' ')),
)
/** Two names after each other, where neither alone says enough. */
const SECRET_PAIRS = new Set(
  [
    'docker/config.json gcloud/credentials.db gh/hosts.yml .config/gcloud .config/gh .git/config .git/hooks .git/credentials library/keychains',
    'windows/system32 windows/win.ini system32/config system32/drivers winnt/win.ini winnt/system32',
    '.cargo/credentials .cargo/credentials.toml .m2/settings.xml .gem/credentials .composer/auth.json',
  ].flatMap((line) => line.split(' ')),
)
/** What a shell runs when it starts; of somebody's home, not of a folder that was given to work in. */
const STARTUP = new Set(
  '.bashrc .bash_profile .bash_login .bash_logout .zshrc .zshenv .zprofile .profile .cshrc .tcshrc .kshrc .xinitrc .login .logout'.split(
    ' ',
  ),
)
/** Folders of the system itself; below a root that an operator gave, a folder may well be called so. */
const SYSTEM = new Set(['etc', 'var', 'run', 'boot', 'sbin', 'root'])
/** No files: what is read there is the machine, and what is written there acts. */
const MACHINE = new Set(['proc', 'sys', 'dev'])
/** A template of a secret is none: `.env.example`. */
const HARMLESS_DEVICES = new Set(['null', 'stdin', 'stdout', 'stderr', 'zero'])

/** @param segments of a path without `.` and `..`, in any case. @param isAbsolute where the machine's own folders can be told from others. */
export function isSensitive(segments: readonly string[], isAbsolute: boolean): boolean {
  const first = segments[0]?.toLowerCase() ?? ''
  if (isAbsolute && (MACHINE.has(first) || first === 'root' || (SYSTEM.has(first) && segments.length > 1))) return true
  let before = ''
  for (const segment of segments) {
    const name = segment.toLowerCase()
    if (isAbsolute && STARTUP.has(name)) return true
    if (SECRET_NAMES.has(name) || SECRET_PAIRS.has(`${before}/${name}`)) return true
    before = name
  }
  return false
}

const PATH_IN_TEXT =
  /(?:~|\.{1,2}|\$HOME|\$\{HOME\}|%USERPROFILE%)?[/\\][\w.@~+/\\-]{2,200}|~[/\\]?|\.(?:ssh|aws|netrc|pgpass|kube|gnupg)\b[\w./-]{0,100}/g
/** Whether a command or a program names such a file. `/dev/null` and its like are part of every command. */
export function namesSensitiveFile(text: string): boolean {
  for (const [found] of text.matchAll(PATH_IN_TEXT)) {
    const segments = found.split(/[/\\]/).filter((segment) => segment !== '' && segment !== '.' && segment !== '..')
    const isDevice = segments[0] === 'dev' && HARMLESS_DEVICES.has(segments[1] ?? '')
    if (
      !isDevice &&
      isSensitive(segments, /^(?:\/|~|\$|%|\.\.)/.test(found) && !/^\.\.\/(?!etc\/|\.\.)/.test(found)) &&
      !isOrdinary(segments)
    )
      return true
  }
  return false
}

/** Read by everybody, and no secret: in commands they are looked at all day. */
const ORDINARY = new Set([
  'etc/hosts',
  'etc/hostname',
  'etc/issue',
  'etc/os-release',
  'etc/fstab',
  'proc/cpuinfo',
  'proc/meminfo',
  'proc/version',
  'proc/loadavg',
])
const isOrdinary = (segments: readonly string[]): boolean => ORDINARY.has(segments.slice(0, 2).join('/')) && segments.length === 2
