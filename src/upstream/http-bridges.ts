/** Modern callers before an upstream of a revision with `initialize`: one connection for each principal and what its clients can do. */
import { Bridge } from '../bridge/bridge.ts'
import { declarationKey, declaredBy } from '../bridge/translate.ts'
import type { Call, Message } from '../core/call.ts'
import type { Principal } from '../core/principal.ts'
import { HttpPeer, type HttpTalk } from './http-peer.ts'
import type { Wire } from './http-plan.ts'

/** Connections kept at once; the one unused longest gives way. */
const BRIDGES_MAX = 1024
/** Unused for so long, a connection is ended: most upstreams have forgotten its session by then. */
const IDLE_MS = 10 * 60_000

interface Open {
  readonly bridge: Bridge
  readonly peer: HttpPeer
  lastUsedAt: number
}

export class Bridges {
  readonly #options: HttpTalk
  /** Least recently used first. */
  readonly #open = new Map<string, Open>()

  constructor(options: HttpTalk) {
    this.#options = options
  }

  forward(call: Call, principal: Principal): AsyncIterable<Message> {
    const declared = declaredBy(call.message.body)
    const { ways } = this.#options
    const key = `${ways.ownerOf(principal)}\u0000${declarationKey(declared)}`
    // The latest word of the caller's, also where the connection is there already.
    const wire = ways.wireOf(principal)
    const now = this.#options.wire.clock()
    const open = this.#open.get(key) ?? this.#connect(declared, wire)
    this.#open.delete(key)
    this.#open.set(key, open)
    open.lastUsedAt = now
    this.#evict(now)
    return open.bridge.forward(call, principal)
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()]
    this.#open.clear()
    await Promise.all(all.map(end))
  }

  #connect(declared: ReturnType<typeof declaredBy>, wire: Wire): Open {
    const { preamble, client, schedule } = this.#options
    const peer = new HttpPeer(wire, preamble)
    return { peer, bridge: new Bridge(peer, { client, declared, schedule }), lastUsedAt: wire.clock() }
  }

  #evict(now: number): void {
    for (const [key, open] of this.#open) {
      const isIdle = now - open.lastUsedAt > IDLE_MS && open.bridge.waiting === 0 && open.peer.inflight === 0
      if (!isIdle && this.#open.size <= BRIDGES_MAX) return
      this.#open.delete(key)
      end(open).catch(() => this.#options.wire.onNoise('a session could not be ended'))
    }
  }
}

function end({ bridge, peer }: Open): Promise<void> {
  bridge.close()
  return peer.close()
}
