/** A browser, as far as forms and cookies go. */
import { PASSWORD } from '../journeys/approval-world.ts'

export class Browser {
  cookie = ''
  readonly #admin: string

  constructor(admin: string) {
    this.#admin = admin
  }

  async get(path: string, headers: Readonly<Record<string, string>> = {}) {
    return this.#take(await fetch(this.#admin + path, { redirect: 'manual', headers: { cookie: this.cookie, ...headers } }))
  }

  async send(path: string, fields: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}) {
    const sent = {
      redirect: 'manual',
      method: 'POST',
      headers: { cookie: this.cookie, ...headers },
      body: new URLSearchParams(fields),
    } as const
    return this.#take(await fetch(this.#admin + path, sent))
  }

  async signIn(name: string, password = PASSWORD, next = '/approvals') {
    const { text } = await this.get(`/sign-in?next=${encodeURIComponent(next)}`)
    return this.send('/sign-in', { csrf: csrfIn(text), next: nextIn(text), name, password })
  }

  async #take(response: Response) {
    const [set] = response.headers.getSetCookie()
    if (set !== undefined) this.cookie = set.split(';')[0] ?? ''
    return { status: response.status, headers: response.headers, text: await response.text(), set }
  }
}

/** Of the page's own form; the one before it signs out. */
export const csrfIn = (page: string): string => [...page.matchAll(/name="csrf" value="([^"]+)"/g)].at(-1)?.[1] ?? ''
const nextIn = (page: string): string => /name="next" value="([^"]+)"/.exec(page)?.[1] ?? ''
