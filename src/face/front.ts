/** The listener that a configuration asks for, plain or with TLS, and what stands beside it. */
import type { Config } from '../config/config.ts'
import { publicUrlOf } from '../config/public-url.ts'
import type { Fault } from '../core/denial.ts'
import type { House } from '../guard/create.ts'
import { type Listener, listen, type RequestHandler } from '../net/serve.ts'
import { createGate } from './gate.ts'
import { listeningOf } from './listening.ts'
import { createRedirect } from './redirect.ts'
import { Secured } from './secured.ts'

export interface Front extends Pick<Listener, 'url' | 'port' | 'close'> {
  /** Reads the files of TLS again now. Answers whether they are in use. */
  reload(): Promise<boolean>
}

/** @throws Fault `FAULT_TLS` when the files of TLS cannot be used; Error of `node:net` when it cannot be bound. */
export async function openFront(house: House, handler: RequestHandler, onFault: (fault: Fault) => void): Promise<Front> {
  const { config } = house
  const listening = listeningOf(config)
  if (config.tls === undefined) return { ...(await listen(listening, handler)), reload: () => Promise.resolve(true) }
  const secured = new Secured(house, config.tls, new URL(publicUrlOf(config)).hostname, onFault)
  const listener = await listen({ ...listening, ...secured.options }, handler)
  const redirect = await listenPlain(house, config, listener, onFault)
  await secured.watch(listener)
  return {
    url: listener.url,
    port: listener.port,
    reload: () => secured.reload(),
    close: async (graceMs) => {
      secured.close()
      await Promise.all([listener.close(graceMs), redirect?.close(graceMs)])
    },
  }
}

async function listenPlain(
  house: House,
  config: Config,
  { port, close }: Listener,
  onFault: (fault: Fault) => void,
): Promise<Listener | undefined> {
  const where = config.tls?.redirect
  if (where === undefined) return undefined
  const { journal, newId } = house
  const handler = createRedirect({ publicUrl: publicUrlOf(config, port), gate: createGate(house, onFault), history: journal, newId })
  try {
    return await listen({ ...listeningOf(config), ...where }, handler)
  } catch (error) {
    await close(0)
    throw error
  }
}
