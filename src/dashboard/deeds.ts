/** Deeds: what is changed from here. Each is asked about on a page of its own, done when its form comes back, and written into history by who did it. */
import { Fault } from '../core/denial.ts'
import { type Html, html } from '../oauth/html.ts'
import { csrfField } from '../oauth/pages.ts'
import type { Route, Visit } from './parts.ts'
import { show, showMessage } from './shell.ts'
import { factsOf } from './tables.ts'

/** What somebody is asked before it is done. */
export interface Asked {
  /** `Revoke ci?` */
  readonly question: string
  /** On what, and with which end. */
  readonly facts: readonly (readonly [name: string, value: string | undefined])[]
  readonly consequence: string
  readonly more?: Html
}

export interface Deed {
  /** `/keys/revoke` */
  readonly path: string
  /** The page that leads here. */
  readonly back: string
  /** On the button: `Revoke`. */
  readonly verb: string
  /** What names the thing: parameters of the address, then fields of the form. */
  readonly fields: readonly string[]
  /** Undefined where there is no such thing. @throws Fault that says why it cannot be done. */
  ask(said: Said, visit: Visit): Promise<Asked | undefined>
  /** @param by `local#alice`. Answers what has been done, in a sentence. @throws Fault that says why it cannot be done. */
  act(said: Said, by: string, visit: Visit): Promise<string>
}

/** What was said in a field; empty where nothing was. */
export type Said = (field: string) => string

export function deedRoute(deed: Deed): Route {
  const { path, back, verb, fields } = deed
  const ask = async (visit: Visit): Promise<void> => {
    const said: Said = (field) => visit.query.get(field) ?? ''
    const asked = await orWhy(visit, back, () => deed.ask(said, visit))
    if (asked === NOT_DONE) return
    if (asked === undefined) return showMessage(visit, 'Not found', 'There is nothing of this name.', { status: 404, back })
    const form = visit.formFor(visit.id ?? '')
    const hidden = fields.map((field) => html`<input type="hidden" name="${field}" value="${said(field)}">`)
    const body = html`<h1>${asked.question}</h1>
<p>${asked.consequence}</p>
${factsOf(asked.facts)}
${asked.more}
<form method="post" action="${form.action}">${csrfField(form)}${hidden}<button class="first">${verb}</button><a class="button" href="${back}">Cancel</a></form>`
    show(visit, { title: asked.question, body })
  }
  const act = async (visit: Visit, form: URLSearchParams): Promise<void> => {
    const said: Said = (field) => form.get(field) ?? ''
    const done = await orWhy(visit, back, () => deed.act(said, `local#${visit.person.subject}`, visit))
    if (done !== NOT_DONE) showMessage(visit, 'Done', done, { back })
  }
  return { path: new RegExp(`^${path}$`), who: 'admin', get: ask, post: act }
}

const NOT_DONE = Symbol('not done')
/** Faults whose message is for whoever asked: they name what is wrong with what was asked for. */
const SAYABLE: ReadonlySet<string> = new Set(['FAULT_KEY', 'FAULT_USER', 'FAULT_CLIENT', 'FAULT_BLOCK', 'FAULT_PIN'])

async function orWhy<T>(visit: Visit, back: string, work: () => Promise<T>): Promise<T | typeof NOT_DONE> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Fault) || !SAYABLE.has(error.code)) throw error
    showMessage(visit, 'Not done', error.message, { status: 409, back })
    return NOT_DONE
  }
}
