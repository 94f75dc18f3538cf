/** The rules of `@secretlint`, which others keep up to date, asked without their engine: it is asynchronous and made for files. */
import { rules } from '@secretlint/secretlint-rule-preset-recommend'

/** As much of a rule as is needed to ask it. */
interface Rule {
  readonly meta: { readonly id: string; readonly type: string }
  readonly messages: object
  create(context: object, options: object): { readonly file?: (source: object) => unknown }
}

export interface Kept {
  readonly rule: string
  readonly start: number
  readonly end: number
}

/**
 * Not asked: comments that switch the others off, because the text is a stranger's; key files of one vendor, which are found by their
 * private key and whose rule is asynchronous; and long texts around one key, which is found by itself.
 */
const LEFT_OUT = /filter-comments|rule-gcp|rule-privatekey/

/** @returns a function that asks all of them about one text. Their patterns are bounded, and so must be the text. */
export function createKeptRules(): (text: string) => readonly Kept[] {
  const kept: readonly Rule[] = rules
  let found: Kept[] = []
  const asked = kept.flatMap((rule) => {
    if (LEFT_OUT.test(rule.meta.id) || rule.meta.type !== 'scanner') return []
    const name = rule.meta.id.replace(/^.*secretlint-rule-/, 'secretlint/')
    const report = ({ range: [start, end] }: { readonly range: readonly [number, number] }): void => {
      found.push({ rule: name, start, end })
    }
    const context = { sharedOptions: {}, createTranslator: () => () => ({ message: '', messageId: '' }), report, ignore: () => undefined }
    const { file } = rule.create(context, {})
    return file === undefined ? [] : [file]
  })
  return (text) => {
    found = []
    const source = { content: text, contentType: 'text', filePath: 'result.txt', ext: '.txt' }
    for (const file of asked) file(source)
    return found
  }
}
