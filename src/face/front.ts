/** The listener that a configuration asks for, plain or with TLS, and what stands beside it. */
import { publicUrlOf } from '../config/public-url.ts'
import type { Fault } from '../core/denial.ts'
import type { House } from '../guard/create.ts'
import type { Listener, RequestHandler } from '../net/serve.ts'
import { Acme } from './acme.ts'
import { createGate } from './gate.ts'
import { listenAs, listeningOf } from './listening.ts'
import { createRedirect } from './redirect.ts'
import { Secured } from './secured.ts'

export interface Front extends Pick<Listener, 'url' | 'port' | 'connections' | 'dropped' | 'retire' | 'close'> {
  /** Reads the files of TLS again now. Answers whether they are in use. */
  reload(): Promise<boolean>
}

/** @throws Fault `FAULT_TLS` when the files of TLS cannot be used, `FAULT_LISTEN` when it cannot be bound. */
export async function openFront(house: House, handler: RequestHandler, onFault: (fault: Fault) => void): Promise<Front> {
  const { config } = house
  const listening = listeningOf(config, onFault)
  if (config.tls === undefined) return { ...(await listenAs('listen', listening, handler)), reload: () => Promise.resolve(true) }
  const host = new URL(publicUrlOf(config)).hostname
  const { redirect } = config.tls
  const acme = config.tls.acme && new Acme(house, config.tls.acme, host, onFault)
  const listeners: Listener[] = []
  let secured: Secured | undefined
  const retire = async (ms: number): Promise<void> => void (await Promise.all(listeners.map((listener) => listener.retire(ms))))
  const close = async (graceMs: number): Promise<void> => {
    secured?.close()
    await acme?.close()
    await Promise.all(listeners.map((listener) => listener.close(graceMs)))
  }
  try {
    const openRedirect = async (port: number | undefined): Promise<void> => {
      if (redirect === undefined) return
      const handle = redirectOf(house, { port, acme }, onFault)
      listeners.push(await listenAs('tls.redirect', { ...listening, ...redirect }, handle))
    }
    // The authority asks there before there is a certificate.
    if (acme !== undefined) await openRedirect(undefined)
    const kept = new Secured(house, config.tls, host, onFault, acme && { acme, made: await acme.need() })
    secured = kept
    const listener = await listenAs('listen', { ...listening, ...kept.options }, handler)
    listeners.push(listener)
    if (acme === undefined) await openRedirect(listener.port)
    await kept.watch(listener)
    const { url, port, connections, dropped } = listener
    return { url, port, connections, dropped, reload: () => kept.reload(), retire, close }
  } catch (error) {
    await close(0)
    throw error
  }
}

function redirectOf(
  house: House,
  { port, acme }: { readonly port: number | undefined; readonly acme: Acme | undefined },
  onFault: (fault: Fault) => void,
): RequestHandler {
  const { config, journal, newId, clock } = house
  return createRedirect({ publicUrl: publicUrlOf(config, port), gate: createGate(house, onFault), history: journal, newId, clock, acme })
}
