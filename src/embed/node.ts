/** guardNode(): around a listener of node:http: a function, or an Express application; or in its place, around what the SDK makes. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Bag } from '../core/bag.ts'
import type { Carrier } from '../upstream/http-plan.ts'
import { requestOf, responseOf } from './captured.ts'
import { Carried, cutAll } from './carried.ts'
import { current } from './context.ts'
import { type Guard, type Guarded, postOf } from './guard.ts'
import { handlerCarrier, isMcpHandler, type McpHandler } from './handed.ts'
import { handlerUpstream, host, listenerOf } from './host.ts'

/** What answers requests of node:http. */
export type NodeListener = (req: IncomingMessage, res: ServerResponse) => unknown

/**
 * A listener in whose place none is reached but by calls that the law lets through, at `/mcp` and `/mcp/<server>`. What it answers is checked
 * before it leaves. The body is read here and handed on as it came, so nothing in front may read it (`express.json()`).
 * @param listener any function; or what the SDK's `createMcpHandler` makes, the whole: it is asked without `toNodeHandler` in between.
 * @throws RangeError for a name that no server can have; TypeError for another mistake in what is given; Fault `FAULT_CLOSED`.
 */
export function guardNode(
  guard: Guard,
  listener: NodeListener | McpHandler,
  options: Guarded,
): (req: IncomingMessage, res: ServerResponse) => void {
  const post = postOf(guard, options)
  const carrier = isMcpHandler(listener) ? handlerCarrier(listener) : carrierOf(listener)
  const { edge } = host<ServerResponse>(guard, post, handlerUpstream(guard, post, carrier))
  return listenerOf(guard, post, edge)
}

function carrierOf(listener: NodeListener): Carrier {
  const underWay = new Bag<Carried>()
  return {
    dispatch(request, handler) {
      const req = requestOf(request, current()?.req)
      const leave = (): void => {
        req.emit('close')
        res.emit('close')
      }
      const carried = new Carried(handler, underWay, leave, () => res.emit('drain'))
      const res = responseOf(req, carried)
      listened(listener, req, res).catch((error: unknown) => carried.fail(error))
    },
    destroy: async () => cutAll(underWay),
  }
}

/** Whether it throws or rejects, it has failed. */
async function listened(listener: NodeListener, req: IncomingMessage, res: ServerResponse): Promise<void> {
  await listener(req, res)
}
