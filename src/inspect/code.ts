/** Source code that a tool stores, formats or runs in a sandbox of its own: nearly all of it is honest. What steals keys, hides what it runs or opens a door is not. */
import type { Label } from './labels.ts'

/** Keys and passwords of people and of the machine, as files and as the addresses where clouds hand them out. */
const SECRETS =
  /\bid_(?:rsa|dsa|ecdsa|ed25519)\b|\.ssh[/\\'"]|\.aws[/\\'"]{1,3}\s{0,4},?\s{0,4}['"]?credentials|\/etc\/(?:shadow|sudoers)\b|\.git-credentials|\.netrc\b|\.kube[/\\]config|\.gnupg\b|application_default_credentials|\/proc\/(?:self|\d{1,7})\/(?:environ|mem)\b|\/(?:var\/)?run\/docker\.sock|169\.254\.169\.254|metadata\.google\.internal|Login Data|wallet\.dat|\/run\/secrets\/|\.docker[/\\]config\.json|find-generic-password|\.(?:bash|zsh)_history/i
/** What undoes an encoding, and what runs the result. */
const DECODES =
  /\batob\s{0,4}\(|['"]base64['"]|b64decode|base64_decode|fromCharCode|unhexlify|fromhex|marshal\.loads|zlib\.decompress|gzinflate|str_rot13|codecs\.decode|FromBase64String|\bunpack\s{0,4}\(|decodeURIComponent\s{0,4}\(|\bunescape\s{0,4}\(|base64\s{1,4}-{1,2}d|\.b85decode|fromCodePoint|\[::-1\]/
const RUNS =
  /\beval\s{0,4}\(|\bexec\s{0,4}\(|\bexecSync\s{0,4}\(|new\s{1,4}Function\s{0,4}\(|\bFunction\s{0,4}\(\s{0,4}['"`a-z]|\bcompile\s{0,4}\(|\bassert\s{0,4}\(\s{0,4}\$|\b__import__\s{0,4}\(|\bcreate_function\s{0,4}\(|Invoke-Expression|\biex\b|os\.system\s{0,4}\(|subprocess|\[['"]constructor['"]\]|\bsystem\s{0,4}\(|\|\s{0,4}(?:ba|z|da)?sh\b|runInNewContext|runInThisContext|\bexecfile\s{0,4}\(/
const FETCHES =
  /urlopen\s{0,4}\(|urlretrieve|requests\.(?:get|post)\s{0,4}\(|\bfetch\s{0,4}\(|DownloadString|https?\.get\s{0,4}\(|file_get_contents\s{0,4}\(\s{0,4}['"]https?|\bcurl\b|\bwget\b|axios/
const SHELL_PIPE = /(?:curl|wget)\b[^\n|]{0,300}\|\s{0,4}(?:sudo\s{1,4})?(?:(?:ba|z|da|k)?sh|python[\d.]{0,4}|perl|node|ruby)\b/
/** A shell at the other end of a socket. */
const BACKDOOR =
  /\/dev\/(?:tcp|udp)\/|\bn(?:c|cat|etcat)\b[^\n]{0,80}\s-\w{0,4}[ec]\b|\bdup2\s{0,4}\([^\n]{0,80}fileno|pty\.spawn\s{0,4}\(|\bbash\s{1,4}-i\b|\bsocket\b[\s\S]{0,300}(?:\/bin\/(?:ba)?sh|subprocess|cmd\.exe)|TCPClient|fsockopen[\s\S]{0,200}(?:exec|proc_open|\/bin\/sh)|net\.(?:connect|Socket|createConnection)[\s\S]{0,300}(?:\/bin\/(?:ba)?sh|spawn|cmd\.exe)|socat\b[^\n]{0,120}exec:|stratum\+tcp|\bxmrig\b|\b(?:system|exec|passthru|shell_exec|popen|proc_open|eval|assert)\s{0,4}\(\s{0,4}@?\$_(?:GET|POST|REQUEST|COOKIE|SERVER|FILES)\b|\bCDLL\s{0,4}\([^\n]{0,80}\)\.(?:system|exec\w{0,3}|popen)\b/i
/** The whole environment, on its way out. */
const ENVIRONMENT =
  /JSON\.stringify\s{0,4}\(\s{0,4}process\.env\s{0,4}[,)]|(?:dict|dumps|str|urlencode)\s{0,4}\(\s{0,4}(?:dict\s{0,4}\(\s{0,4})?os\.environ\b|\benv\s{0,4}\|\s{0,4}(?:curl|nc|wget)|ENV\.to_(?:h|json)|\$\(env\)|\$\(printenv|=\s{0,4}process\.env\s{0,4}[,;})]|[{(,]\s{0,4}process\.env\s{0,4}[,)}]|(?:data|json|body|params)\s{0,4}[=:]\s{0,4}(?:dict\()?os\.environ/
const SENDS =
  /requests\.(?:post|put|get)|__import__\s{0,4}\(\s{0,4}['"](?:requests|urllib|http|httpx|aiohttp|socket)|require\s{0,4}\(\s{0,4}['"](?:node:)?(?:https?|net|dgram|dns|undici|axios)['"]|\bfetch\s{0,4}\(|urlopen|XMLHttpRequest|https?\.(?:request|get|post)|sendBeacon|axios|\bcurl\b|\bwget\b|Net::HTTP|http\.client|WebSocket|dns\.(?:lookup|resolve)|gethostbyname|smtplib|\bnc\b/
/** What a page knows of whoever is signed in. */
const COOKIES = /\bdocument\.cookie\b(?!\s{0,4}=[^=])/
const DESTROYS =
  /\brm\s{1,4}-\w{0,8}r\w{0,8}\s{1,4}(?:-\w{1,8}\s{1,4}){0,3}['"]?(?:\/|~|\$HOME|\/\*)['"]?(?:\s|$|[;&|'")])|--no-preserve-root|rmtree\s{0,4}\(\s{0,4}(?:['"](?:\/|~|[A-Z]:\\)['"]|os\.path\.expanduser\(['"]~['"]\)|os\.environ|Path\.home)|(?:rmSync|rm|rmdirSync)\s{0,4}\(\s{0,4}(?:['"](?:\/|~)['"]|os\.homedir)|:\s{0,2}\(\)\s{0,2}\{[^}]{0,20}\|[^}]{0,20}&|while\s{1,4}(?:True|1|true)\s{0,4}:?\s{0,8}\{?\s{0,8}(?:os\.)?fork\(|for\s{0,4}\(\s{0,4};\s{0,4};\s{0,4}\)\s{0,4}\{?\s{0,8}fork\s{0,4}\(|while\s{1,4}(?:True|1)\s{0,4}:[^\n]{0,200}(?:10\*\*[6-9]|\*\s?\d{7,}|\d[eE][6-9]|<<\s?[23]\d)|\bdd\s{1,4}[^\n]{0,80}of=\/dev\/(?:sd|nvme|hd)|\bmkfs\.|del\s{1,4}\/[sfq]\s{1,4}[^\n]{0,40}[A-Z]:\\|\bformat\s{1,4}[a-z]:(?:\s|$)|vssadmin\s{1,4}delete|>\s{0,4}\/dev\/sd[a-z]/
const OBFUSCATED = /(?:_0x[0-9a-f]{4,8}[^\n]{0,200}){3}|(?:\\x[0-9a-fA-F]{2}){24}/
/** How far what is run may stand from what it was decoded or fetched with. */
const NEAR_CHARS = 600

export function judgeSource(text: string): Label | undefined {
  if (BACKDOOR.test(text) || DESTROYS.test(text) || SHELL_PIPE.test(text)) return 'dangerous-code'
  if (isNear(text, DECODES, RUNS) || (OBFUSCATED.test(text) && RUNS.test(text)) || isFetchedAndRun(text)) return 'dangerous-code'
  if (isNear(text, COOKIES, SENDS)) return 'dangerous-code'
  if (SECRETS.test(text) || (ENVIRONMENT.test(text) && SENDS.test(text))) return 'dangerous-code'
  return undefined
}

/** Something fetched is handed to what runs: within one line or two, or it is another matter. */
function isFetchedAndRun(text: string): boolean {
  return (
    /(?:\beval|\bexec|Function|Invoke-Expression|\biex)\s{0,4}\(?[^\n]{0,120}(?:urlopen|requests\.get|fetch\(|DownloadString|https?\.get|file_get_contents|iwr|irm)/i.test(
      text,
    ) ||
    (/\.then\s{0,4}\(\s{0,4}eval\b/.test(text) && FETCHES.test(text))
  )
}

/** Whether one stands near the other, anywhere: what stands far off, before or behind, hides nothing. */
function isNear(text: string, one: RegExp, other: RegExp): boolean {
  if (!one.test(text) || !other.test(text)) return false
  const places = [one, other].map((pattern) => [...text.matchAll(new RegExp(pattern, 'g'))].map(({ index }) => index))
  const [left = [], right = []] = places
  let at = 0
  return left.some((place) => {
    while (at < right.length && (right[at] ?? 0) < place - NEAR_CHARS) at++
    return at < right.length && (right[at] ?? 0) <= place + NEAR_CHARS
  })
}
