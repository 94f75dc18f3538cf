import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Config } from '../../src/config/config.ts'
import { findPlainSecrets, loadSealing, parseConfig, resealConfig } from '../../src/config/load.ts'
import { parsePath } from '../../src/config/places.ts'
import { sealValue } from '../../src/config/sealed.ts'
import { Fault } from '../../src/core/denial.ts'

const KEY = 'b3BlbnNlc2FtZS0wMTIzNDU2Nzg5LWFiY2RlZmdoaWo='
const OTHER = '00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef'
const SECRET = 'kJ8#mQ2$vX9!pL4&zR7*wN1^tB5@hG3%'
const FIRST = 'authentication.issuers[0].introspection.clientSecret'

interface Installation {
  readonly file: string
  seal(place: string, secret?: string): string
  parse(text: string): Config
  mistakes(text: string): string
}

/** @param sealing the section, as it stands in every text. */
function install(t: TestContext, sealing: string, environment: Readonly<Record<string, string>> = { KEY, OTHER }): Installation {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-sealed-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(file, sealing)
  const parse = (text: string): Config => parseConfig(`${sealing}${text}`, { file, environment })
  return {
    file,
    parse,
    seal: (place, secret = SECRET) => sealValue(loadSealing(file, environment).values(true), secret, parsePath(place) ?? []),
    mistakes: (text) => {
      try {
        parse(text)
      } catch (error) {
        assert.ok(error instanceof Fault)
        return `${error.code} ${error.message}`
      }
      return ''
    },
  }
}

const issuer = (secret: string): string =>
  `{ issuer: "https://a.example", introspection: { clientId: gw, clientSecret: ${JSON.stringify(secret)} } }`
const issuers = (...all: readonly string[]): string => `authentication: { issuers: [${all.join(', ')}] }\n`
const secretOf = (config: Config): string | undefined => config.authentication.issuers[0]?.introspection?.clientSecret.reveal()

test('a sealed value is opened where it was sealed for, and at no other setting', (t) => {
  const { seal, parse, mistakes } = install(t, '')
  const sealed = seal(FIRST)
  assert.match(sealed, /^sealed:v1:[\w-]{8}\.[\w-]+$/)
  assert.equal(secretOf(parse(issuers(issuer(sealed)))), SECRET)
  assert.match(mistakes(`authentication: { jwtSecret: "${sealed}" }\n`), /^FAULT_CONFIG .*:1:30: authentication.jwtSecret: .*moved/)
  const changed = sealed.slice(0, -2) + (sealed.endsWith('AA') ? 'BB' : 'AA')
  assert.match(mistakes(issuers(issuer(changed))), /FAULT_CONFIG .*was changed/)
  assert.match(mistakes(`audit: { file: "${sealed}" }\n`), /only a secret may be sealed/)
  assert.match(mistakes(issuers(issuer('sealed:v9:x'))), /no version/)
})

test('what is opened is held to the same as what is written plainly, and is never told', (t) => {
  const { seal, mistakes } = install(t, '')
  const said = mistakes(`authentication: { jwtSecret: "${seal('authentication.jwtSecret', 'correct-horse-battery-staple-and-more')}" }\n`)
  assert.match(said, /FAULT_CONFIG .*this could be guessed/)
  assert.equal(said.includes('staple'), false)
})

test('the key comes from a file that is made for its owner alone, from the environment, or from a command without a shell', (t) => {
  const file = install(t, 'sealing: { key: { file: keys/seal.key } }\n')
  const key = join(file.file, '../keys/seal.key')
  assert.match(file.mistakes(issuers(issuer('sealed:v1:x.y'))), /^FAULT_KEYFILE .*no such key file/)
  assert.equal(secretOf(file.parse(issuers(issuer(file.seal(FIRST))))), SECRET)
  assert.equal(statSync(key).mode & 0o777, 0o600)
  chmodSync(key, 0o644)
  assert.match(file.mistakes(issuers(issuer('sealed:v1:x.y'))), /^FAULT_KEYFILE .*chmod 600/)

  const variable = install(t, 'sealing: { key: { environment: KEY } }\n')
  assert.equal(secretOf(variable.parse(issuers(issuer(variable.seal(FIRST))))), SECRET)
  const command = install(t, `sealing: { key: { command: [printf, "%s\\n", "${KEY}"] } }\n`)
  assert.equal(secretOf(command.parse(issuers(issuer(variable.seal(FIRST))))), SECRET)
})

test('a key that a command gave is not asked for again when the file is read again, unless another command is written', (t) => {
  const counted = (said: string): string => `sealing: { key: { command: [sh, -c, "echo x >> ${said}; echo ${KEY}"] } }\n`
  const { file, seal, parse } = install(t, counted('asked'))
  const asked = (): number => readFileSync(join(file, '../asked'), 'utf8').length / 2
  const secrets = issuers(issuer(seal(FIRST)))
  const before = parse(secrets)
  const times = asked()
  const again = parseConfig(`${counted('asked')}${secrets}node: here\n`, { file, environment: { KEY, OTHER }, before })
  assert.deepEqual([secretOf(again), asked()], [SECRET, times])
  const other = parseConfig(`${counted('./asked')}${secrets}`, { file, environment: { KEY, OTHER }, before })
  assert.deepEqual([secretOf(other), asked()], [SECRET, times + 1])
})

test('a key that is none, can be guessed, or comes with more than a key is refused, and what was said is not repeated', (t) => {
  const refusedBy = (key: string, environment = {}): string =>
    install(t, `sealing: { key: ${key} }\n`, environment).mistakes(issuers(issuer('sealed:v1:x.y')))
  assert.match(refusedBy('{ environment: KEY }'), /^FAULT_KEYFILE the environment variable KEY holds no key/)
  assert.match(refusedBy('{ environment: KEY }', { KEY: '0'.repeat(64) }), /^FAULT_KEYFILE .*guessed/)
  assert.match(refusedBy('{ command: [printf, "hush"] }'), /^FAULT_KEYFILE the command printf holds no key(?!.*hush)/)
  assert.match(refusedBy('{ command: ["false"] }'), /^FAULT_KEYFILE the command false gives no key \(it ended with 1\)/)
  assert.match(refusedBy('{ command: ["./there-is-none"] }'), /^FAULT_KEYFILE .*ENOENT/)
  assert.match(refusedBy('{ command: [seq, "100000"] }'), /^FAULT_KEYFILE .*ENOBUFS/)
  assert.match(refusedBy('{ file: a, environment: B }'), /^FAULT_CONFIG|^FAULT_KEYFILE/)
})

test('a store in memory has no key file, so sealed values need a key that is written', (t) => {
  assert.match(install(t, 'store: ":memory:"\n').mistakes(issuers(issuer('sealed:v1:x.y'))), /^FAULT_KEYFILE sealing.key is not set/)
})

test('a key that came before still opens, and all is sealed anew with every comment and quote where it was', (t) => {
  const before = install(t, 'sealing: { key: { environment: KEY } }\n')
  const [first, block] = [before.seal(FIRST), before.seal('authentication.jwtSecret')]
  const now = 'sealing: { key: { environment: OTHER }, previous: [{ environment: KEY }] }\n'
  const text = `${now}# who asks
authentication:
  jwtSecret: >-   # for us alone
    ${block}
  issuers: [ { issuer: "https://a.example", introspection: {clientId: gw, clientSecret: '${first}'} } ]   # theirs
`
  const after = install(t, now)
  const environment = { KEY, OTHER }
  const keys = loadSealing(after.file, environment)
  const { text: rewritten, changed } = resealConfig(text, () => keys.values(), environment)
  assert.deepEqual(changed.toSorted(), [FIRST, 'authentication.jwtSecret'])
  const masked = (one: string): string => one.replaceAll(/sealed:v1:[\w.-]+/g, '*')
  assert.equal(masked(rewritten), masked(text).replace('>-   # for us alone\n    *', '"*"'))
  const alone = install(t, 'sealing: { key: { environment: OTHER } }\n')
  assert.equal(secretOf(alone.parse(rewritten.slice(now.length))), SECRET)
  assert.equal(secretOf(after.parse(text.slice(now.length))), SECRET)
  assert.deepEqual(
    resealConfig(rewritten, () => keys.values(), environment),
    { text: rewritten, changed: [], elsewhere: [] },
  )
})

test('a sealed value in the environment is opened too, and told to be sealed anew there', (t) => {
  const before = install(t, 'sealing: { key: { environment: KEY } }\n')
  const environment = { KEY, OTHER, SEALED: before.seal(FIRST) }
  const now = 'sealing: { key: { environment: OTHER }, previous: [{ environment: KEY }] }\n'
  const after = install(t, now, environment)
  assert.equal(secretOf(after.parse(issuers(issuer(`\${SEALED}`)))), SECRET)
  const keys = loadSealing(after.file, environment)
  const outcome = resealConfig(`${now}${issuers(issuer(`\${SEALED}`))}`, () => keys.values(), environment)
  assert.deepEqual(outcome.elsewhere, [FIRST])
})

test('an alias that leads into itself, or a file that is no map, is a mistake like any other', (t) => {
  const { mistakes, seal } = install(t, '')
  assert.match(mistakes('[]\n'), /^FAULT_CONFIG .*expected a map/)
  assert.match(mistakes(`servers: &a { x: *a }\nauthentication: { jwtSecret: "${seal('authentication.jwtSecret')}" }\n`), /^FAULT_CONFIG /)
})

test('a plain secret in the file is told where it stands, and is a mistake in profile strict', (t) => {
  const { file, seal, mistakes } = install(t, '')
  const plain = issuers(issuer('plain-as-day'))
  writeFileSync(file, plain)
  assert.deepEqual(findPlainSecrets(file).length, 1)
  assert.match(
    findPlainSecrets(file)[0] ?? '',
    /portcullis.yaml:1:\d+: authentication.issuers\[0\].introspection.clientSecret: (?!.*plain-as)/,
  )
  assert.match(mistakes(`profile: strict\n${plain}`), /FAULT_CONFIG .*:2:.*expected no plain secret/)
  assert.equal(mistakes(`profile: strict\n${issuers(issuer(seal(FIRST)))}`), '')
  assert.equal(mistakes(`profile: strict\n${issuers(issuer(`\${KEY}`))}`), '')
})

test('no secret of a configuration shows when it is printed', (t) => {
  const config = install(t, '').parse(issuers(issuer('plain-as-day')))
  assert.equal(JSON.stringify(config).includes('plain-as-day'), false)
})
