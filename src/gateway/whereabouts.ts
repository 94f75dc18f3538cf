/** Where each server stood when a gateway last started: what is put in its place under a name that people have approved is told. */
import type { ServerConfig } from '../config/servers.ts'
import { Fault } from '../core/denial.ts'
import { canonical, isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { createKeyedHash } from '../core/secret.ts'
import type { House } from '../guard/create.ts'
import { KEYS } from '../store/keys.ts'

/** Every difference to the last start, written down before anything is served. On the very first there is none. @throws Fault when that cannot be done. */
export async function tellMoved({ config, store, keyring, journal }: House, onFault: (fault: Fault) => void): Promise<void> {
  // Arguments and variables may hold secrets: only whether they are the same is remembered.
  const hash = createKeyedHash(keyring.key('servers'))
  const isFirst = (await store.list(KEYS.servers)).length === 0
  const elsewhere = new Map<string, string>()
  for (const [name, server] of Object.entries(config.servers)) {
    if (server.kind === 'admin') continue
    const now = Object.fromEntries(Object.entries(partsOf(server)).map(([part, value]) => [part, hash(canonical(value))]))
    const before = await store.get(KEYS.server(name))
    const changed = before === undefined ? ['new'] : differing(isObject(before) ? before : {}, now)
    if (changed.length === 0) continue
    if (!isFirst) {
      const detail = changed.join(', ')
      await journal.write({ type: 'upstream.changed', resource: { kind: 'server', server: name, name }, detail, by: 'gateway' })
      if (detail === PATH && server.kind === 'command') elsewhere.set(name, server.program)
      else onFault(new Fault('FAULT_CONFIG', `Server ${name} is not what it was when a gateway last started (${detail}). ${NEXT}`))
    }
    await store.put(KEYS.server(name), now)
  }
  if (elsewhere.size > 0) onFault(new Fault('FAULT_CONFIG', pathText(elsewhere)))
}

const NEXT = 'If you changed that, there is nothing to do; else find out who did before it is used'

/** One sentence for all: whoever starts the gateway from another place has changed it for every server. @param programs by server */
function pathText(programs: ReadonlyMap<string, string>): string {
  const found = [...new Set(programs.values())].map((program) => `command -v ${program}`).join('; ')
  const names = [...programs.keys()].join(', ')
  return `PATH is not what it was when a gateway last started, so these may run other programs now: ${names}. If you changed it, or start the gateway from elsewhere, there is nothing to do; else see which are found before they are used: ${found}`
}

/** Where programs are looked for: by the server itself, and by what it starts. Told apart, because it changes with the place that we are started from. */
const PATH = 'PATH'
/** Of what is inherited these say nothing of who answers. */
const IDLE = new Set([PATH, 'HOME', 'LANG', 'TMPDIR'])

/** What decides who answers, by its name in the configuration. */
function partsOf(server: Exclude<ServerConfig, { readonly kind: 'admin' }>): Readonly<Record<string, JsonValue>> {
  if (server.kind === 'url') return { url: server.url }
  const { program, arguments: rest, cwd, sandbox } = server
  const env = Object.fromEntries(Object.entries(server.env).filter(([name]) => !IDLE.has(name)))
  return {
    program,
    arguments: rest,
    env,
    [PATH]: server.env[PATH] ?? '',
    cwd,
    sandbox: sandbox === undefined || sandbox === 'off' ? 'off' : { ...sandbox },
  }
}

function differing(before: JsonObject, now: Readonly<Record<string, string>>): readonly string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((part) => before[part] !== now[part])
}
