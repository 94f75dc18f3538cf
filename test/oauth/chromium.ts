/** A real Chromium, driven over its debugging protocol: what a page does there is what it does for people. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { z } from 'zod'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

export const CHROMIUM = PLACES.find((place) => existsSync(place))

const message = z.object({
  id: z.number().optional(),
  method: z.string().optional(),
  params: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.unknown().optional(),
})

const KEYS: Readonly<Record<string, object>> = {
  Tab: { code: 'Tab', windowsVirtualKeyCode: 9 },
  Enter: { code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' },
  ArrowLeft: { code: 'ArrowLeft', windowsVirtualKeyCode: 37 },
}

export interface Tab {
  /** Opens a page, and waits until it is shown. */
  open(url: string): Promise<void>
  /** What a line of script answers there. Pages of ours forbid their own scripts, not the debugger's. */
  look(script: string): Promise<unknown>
  /** Does something that leads to another page, and waits for it. */
  act(script: string): Promise<void>
  /** What a promise there comes to. */
  wait(script: string): Promise<unknown>
  /** Keys, one after the other: `Tab`, `Enter`, or a text to be typed. */
  press(...keys: readonly string[]): Promise<void>
  /** Presses the last of the keys, and waits for the page that it leads to. */
  pressOn(...keys: readonly string[]): Promise<void>
  /** How the page is looked at. */
  emulate(how: { readonly width: number; readonly height: number; readonly scheme: 'light' | 'dark' }): Promise<void>
  /** A picture, PNG. */
  picture(): Promise<Buffer>
  /** What the browser complained of. */
  readonly complaints: readonly string[]
}

export async function openTab(t: TestContext, executable: string): Promise<Tab> {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-chromium-'))
  const child = spawn(
    executable,
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--remote-debugging-port=0',
      '--window-size=900,900',
      `--user-data-dir=${folder}`,
      'about:blank',
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  const gone = new Promise((resolve) => child.once('exit', resolve))
  t.after(async () => {
    child.kill()
    await gone
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  const port = await new Promise<string>((resolve, reject) => {
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8')
      const found = /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1]
      if (found !== undefined) resolve(found)
    })
    child.once('error', reject)
    child.once('exit', () => reject(new Error(said)))
  })
  const pages = z
    .array(z.object({ type: z.string(), webSocketDebuggerUrl: z.string() }))
    .parse(await (await fetch(`http://127.0.0.1:${port}/json`)).json())
  const page = pages.find(({ type }) => type === 'page')
  if (page === undefined) throw new Error('there is no page')
  return attach(page.webSocketDebuggerUrl, t)
}

async function attach(url: string, t: TestContext): Promise<Tab> {
  const socket = new WebSocket(url)
  t.after(() => socket.close())
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true })
    socket.addEventListener('error', reject, { once: true })
  })
  const waiting = new Map<number, (result: unknown) => void>()
  const loads: (() => void)[] = []
  const complaints: string[] = []
  let last = 0
  socket.addEventListener('message', ({ data }) => {
    const { id, method, params, result, error } = message.parse(JSON.parse(String(data)))
    if (id !== undefined) waiting.get(id)?.(error ?? result)
    if (method === 'Page.loadEventFired') for (const loaded of loads.splice(0)) loaded()
    if (method === 'Log.entryAdded') complaints.push(JSON.stringify(params))
  })
  const send = (method: string, params: object = {}): Promise<unknown> =>
    new Promise((resolve) => {
      const id = ++last
      waiting.set(id, resolve)
      socket.send(JSON.stringify({ id, method, params }))
    })
  const look = async (script: string): Promise<unknown> => {
    const answer = await send('Runtime.evaluate', { expression: script, returnByValue: true })
    return z.object({ result: z.object({ value: z.unknown().optional() }) }).parse(answer).result.value
  }
  const wait = async (script: string): Promise<unknown> => {
    const answer = await send('Runtime.evaluate', { expression: script, returnByValue: true, awaitPromise: true })
    return z.object({ result: z.object({ value: z.unknown().optional() }) }).parse(answer).result.value
  }
  const press = async (...keys: readonly string[]): Promise<void> => {
    for (const key of keys) {
      const known = KEYS[key]
      if (known === undefined) await send('Input.insertText', { text: key })
      else for (const type of ['keyDown', 'keyUp']) await send('Input.dispatchKeyEvent', { type, key, ...known })
    }
  }
  const loaded = (): Promise<void> => new Promise((resolve) => loads.push(resolve))
  await send('Page.enable')
  await send('Log.enable')
  return {
    complaints,
    look,
    wait,
    press,
    pressOn: async (...keys) => {
      await press(...keys.slice(0, -1))
      const shown = loaded()
      await press(keys.at(-1) ?? '')
      await shown
    },
    emulate: async ({ width, height, scheme }) => {
      await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false })
      await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] })
    },
    open: async (to) => {
      const shown = loaded()
      await send('Page.navigate', { url: to })
      await shown
    },
    act: async (script) => {
      const shown = loaded()
      await look(script)
      await shown
    },
    picture: async () => {
      const { data } = z.object({ data: z.string() }).parse(await send('Page.captureScreenshot', { format: 'png' }))
      return Buffer.from(data, 'base64')
    },
  }
}
