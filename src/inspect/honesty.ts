/** Names that pose as others, and hints that deny what a tool says it does. */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { hasDisguisedWord, latinised } from './skeleton.ts'

/** Longest name that the protocol advises (SEP-986). */
const NAME_MAX_CHARS = 128
/** Letters and digits of any script, and what joins words; the rest leads somewhere, or out of the place where a name is shown. */
const NAME = /^[\p{L}\p{N}\p{M}_. \-/:@]+$/u
const LEADING =
  /^[/\\.]|^(?:(?:tools|prompts|resources|roots|tasks)\/(?:list|call|get|read|cancel|result|subscribe|unsubscribe|templates)|notifications\/[a-z]+|sampling\/createMessage|elicitation\/create|completion\/complete|logging\/setLevel|server\/discover|subscriptions\/listen)\b|^rpc\.|\.\.|\/\/|%[0-9a-f]{2}|^(?:__proto__|constructor|prototype)$/i
/** How gateways put a server's name before that of its tool. */
const NAMESPACE = /__/

/** @param siblings names that are taken for this one; its own among them where another has it. */
export function judgeName(kind: string, { name }: JsonObject, siblings: readonly string[]): readonly string[] {
  if (typeof name !== 'string' || kind === 'server' || kind === 'resource' || kind === 'template') return []
  const found: string[] = []
  if (name.length > NAME_MAX_CHARS || name.trim() !== name || !NAME.test(name) || LEADING.test(name)) found.push('definition/name')
  else if (name.split(/[_. \-/:@]+/).some(isOfTwoScripts) || hasDisguisedWord(name) || latinised(name) !== name.normalize('NFC'))
    found.push('definition/look-alike')
  if (siblings.some((other) => other !== name || NAMESPACE.test(name))) found.push('definition/look-alike')
  return [...new Set(found)]
}

/** No word is written in letters of two alphabets that look alike (UTS 39 §5.1). */
const isOfTwoScripts = (word: string): boolean => /\p{Script=Latin}/u.test(word) && /[\p{Script=Cyrillic}\p{Script=Greek}]/u.test(word)

/** What changes or ends something, as the first word of a name or of a sentence about it. */
const DESTROYS = /^(?:delete|remove|drop|destroy|erase|purge|wipe|truncate|kill|terminate|uninstall|overwrite|revoke|rm)(?:e?s)?$/
const CHANGES =
  /^(?:write|update|create|insert|send|post|put|move|rename|upload|transfer|pay|purchase|buy|deploy|publish|edit|modify|patch|execute|exec|install|commit|grant|enable|disable|approve|submit|withdraw|place|book|order|reserve|cancel|end|close|stop|unlock|lock|restart|reboot|reset|assign|invite|charge|refund|sell|trade|archive|push|release|trigger|reply|empty|clear|wire|donate|tweet|share|email|mail|message|notify)(?:e?s)?$/
/** The same in other languages, as a description begins. */
const DESTROYS_ABROAD =
  /^(?:poistaa?|löscht?|löschen|entfernt|supprim(?:e|er)|efface|elimin[ao]r?|borrar?|excluir?|apaga|verwijdert?|raderar?|tar bort|usuwa|kasuje|удаля(?:ет|ть)|видаляє|删除|刪除|削除)/u
/** Actions among which a caller chooses. */
const CHOICE = /^(?:action|operation|op|command|cmd|verb|method|mode|task|do)$/i
/** Told beside what only looks. */
const BESIDES =
  /\band (?:then |also )?(?:unlocks|deletes|removes|sends|updates|writes|creates|publishes|moves|renames|uploads|pays|buys|orders|disables|resets|overwrites|archives|submits|cancels) (?:it|them|the|all|each|every|a)\b/
/** Whatever the caller wants. */
const ANYTHING =
  /\b(?:arbitrary|any|all) (?:[a-z]+ )?(?:sql|commands?|code|scripts?|quer(?:y|ies)|statements?|programs?)\b|\bincluding (?:ddl|dml|delete|drop|update|insert|writes?)\b|\b(?:executes?|runs?) (?:[a-z]+ )?(?:shell )?(?:commands?|code|scripts?)\b|\b(?:executes?|evaluates?|runs?|interprets?) (?:(?:a|an|the|any|one) )?(?:\w+ ){0,2}(?:shell|bash|powershell|command lines?|javascript|python|ruby|code)\b(?! (?:quality|coverage|style|search|review|analy))|\bany (?:http )?(?:method|verb)\b|\b(?:put|patch|delete)\b,?(?: and|,) (?:put|patch|delete)\b|\bmutations?\b(?! (?:test|rate|score|analy|call|in the gene))|\birreversibl[ey]|\bpermanently (?:deletes?|removes?|erases?)\b|\ball history\b|\ball (?:data|files?|contents?|records?|rows?)\b[^.]{0,16}\b(?:is|are|will be|gets?) (?:erased|deleted|lost|removed|wiped|destroyed|overwritten)\b/
const FOR_GOOD =
  /\birreversibl[ey]|\bpermanently\b|\b(?:is|are|will be) (?:erased|lost|wiped|destroyed)\b|\bcannot be (?:undone|restored|recovered)\b/
const HARMLESS =
  /\b(?:read-only|readonly|select only|only select|dry[- ]run|preview|simulat\w+|without (?:changing|applying|executing)|never (?:changes|writes|deletes)|nothing (?:\w+ ){0,3}(?:changes|is (?:changed|deleted|written|sent))|does not (?:change|modify|delete|write|send)|no (?:changes|side effects)|(?<!\b(?:post|publish|send|set|update)\w{0,3} (?:a |an |the |your |new ){0,3})status(?! (?:updates?|messages?|posts?)\b)|sandbox(?:ed)?)\b/

/** What leaves its server by its nature, and what does more each time. */
const REACHES = /\b(?:internet|web ?sites?|web ?pages?|the web|urls?|e-?mails?|sms|webhooks?|http requests?|tweets?)\b/
const SENDS = /^(?:send|email|post|tweet|publish|upload|fetch|download|browse|crawl|notify|forward)/
const PAYS = /^(?:pay|transfer|charge|purchase|buy|withdraw|wire|donate|refund)/

/** A hint is a server's word about itself; one that its own description denies is a lie. Pairs of detector and pointer. */
export function judgeHint({ name, description, annotations, inputSchema }: JsonObject): readonly (readonly [string, string])[] {
  if (!isObject(annotations)) return []
  const { readOnlyHint, destructiveHint, openWorldHint, idempotentHint } = annotations
  const told = typeof description === 'string' ? description.toLowerCase() : ''
  const words = [wordsOf(String(name))[0] ?? '', /^[^\p{L}]*(\p{L}+)/u.exec(told)?.[1] ?? '']
  if (HARMLESS.test(told)) return []
  const destroys =
    words.some((word) => DESTROYS.test(word) && !isNoun(word, name)) ||
    ANYTHING.test(told) ||
    DESTROYS_ABROAD.test(told) ||
    offersHarm(inputSchema)
  const changes = words.every((word) => CHANGES.test(word) || DESTROYS.test(word))
  const found: (readonly [string, string])[] = []
  if (readOnlyHint === true && (destroys || changes || BESIDES.test(told)))
    found.push(['definition/false-hint', '/annotations/readOnlyHint'])
  if (
    destructiveHint === false &&
    destroys &&
    (readOnlyHint === true ||
      FOR_GOOD.test(told) ||
      /\b(?:shell|root|sudo|arbitrary|host)\b/.test(`${String(name)} ${told}`) ||
      words.some((word) => DESTROYS.test(word)))
  )
    found.push(['definition/false-hint', '/annotations/destructiveHint'])
  if (openWorldHint === false && SENDS.test(words[0] ?? '') && REACHES.test(told))
    found.push(['definition/false-hint', '/annotations/openWorldHint'])
  if (idempotentHint === true && PAYS.test(words[0] ?? '')) found.push(['definition/false-hint', '/annotations/idempotentHint'])
  return found
}

/** One of its actions destroys: `{ "action": { "enum": ["list", "drop"] } }`. */
function offersHarm(schema: JsonValue | undefined): boolean {
  const properties = isObject(schema) ? schema['properties'] : undefined
  if (!isObject(properties)) return false
  return Object.entries(properties).some(([name, property]) => {
    const choices = isObject(property) && CHOICE.test(name) ? property['enum'] : undefined
    return Array.isArray(choices) && choices.some((choice) => typeof choice === 'string' && DESTROYS.test(wordsOf(choice)[0] ?? ''))
  })
}

/** `kill_switch`, `drop_off`, `drop_shipping`: what is dropped in earnest is named. */
function isNoun(word: string, name: unknown): boolean {
  const [, object = ''] = wordsOf(String(name))
  if (word !== 'drop') return word === 'kill' && object === 'switch'
  return !/^(?:tables?|databases?|db|schemas?|ind(?:ex|exes|ices)|collections?|columns?|users?|views?|partitions?|buckets?|queues?|all)$/.test(
    object,
  )
}

/** `deleteRepo`, `delete_repo`, `delete-repo`. */
function wordsOf(name: string): readonly string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
}
