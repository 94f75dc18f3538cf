/** For authors of tools: a URL that somebody sent, as a URL that may be fetched. */
import { Denial } from '../core/denial.ts'
import { judgeUrl, type UrlRule } from './url.ts'

/**
 * The URL, if every reader takes it for the same one and it leads to a public place by its text alone: private, loopback, link-local and
 * metadata addresses are refused in every spelling, also in names that resolve to them by rule (`10.0.0.1.nip.io`).
 * What a name resolves to is only known when it is dialled: fetch with `createGuardedFetch`, which checks every address then, and follow
 * redirects yourself, each through here again.
 * @throws Denial `invalid_arguments`; its `detail` says why and is not for the caller.
 */
export function safeUrl(input: string | URL, options: UrlRule = {}): URL {
  const text = String(input)
  const label = judgeUrl(text, options)
  if (label !== undefined) throw new Denial('invalid_arguments', { detail: `a URL that is not to be fetched: ${label}` })
  const url = URL.parse(text)
  if (url === null) throw new Denial('invalid_arguments', { detail: 'no absolute URL' })
  return url
}
