/** The development pages that come with oidc-provider, filled in: any name signs in, and agrees. */
import assert from 'node:assert/strict'

/** More pages and redirects than they have. */
const HOPS_MAX = 20

/** @param isBack whether the browser has come back to the client. @returns where it came back to, not opened. */
export async function passDevPages(start: string, name: string, isBack: (url: URL) => boolean): Promise<string> {
  const jar = new Map<string, string>()
  let url = start
  let init: RequestInit = {}
  for (let hop = 0; hop < HOPS_MAX; hop++) {
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ')
    const response = await fetch(url, { ...init, redirect: 'manual', headers: { accept: 'text/html', cookie } })
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      jar.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
    }
    const location = response.headers.get('location')
    if (location !== null) {
      url = new URL(location, url).href
      init = {}
      if (isBack(new URL(url))) return url
      continue
    }
    const html = await response.text()
    const action = /<form[^>]*action="([^"]*)"/.exec(html)?.[1] ?? ''
    const prompt = /name="prompt" value="(\w+)"/.exec(html)?.[1] ?? 'login'
    url = new URL(action, url).href
    init = { method: 'POST', body: new URLSearchParams({ prompt, login: name, password: 'x' }) }
  }
  assert.fail('the browser never came back')
}
