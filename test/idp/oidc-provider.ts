/** oidc-provider in a process of its own, with nothing in common with ours but the library. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { z } from 'zod'
import { passDevPages } from './dev-pages.ts'
import { authorize, CALLBACK, type ForeignProvider, redeem, withIdentity } from './provider.ts'

const SECRET = 'a-secret-of-the-client'
const told = z.object({ issuer: z.string() })

export async function startOidcProvider(): Promise<ForeignProvider> {
  const child = fork(join(import.meta.dirname, 'oidc-provider-process.ts'), [SECRET, CALLBACK], { stdio: 'ignore' })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const first = await Promise.race([new Promise<unknown>((resolve) => child.once('message', resolve)), exited])
  const { issuer } = told.parse(first)
  const base = `${issuer}/protocol/openid-connect`
  const roles = { claim: '/realm_access/roles', map: { staff: 'user' } }
  const settings = { typ: 'JWT', scopes: 'scp', audience: 'api://tools', algorithms: ['RS256'], roles }
  return {
    issuer,
    settings: { person: settings, machine: settings },
    keysUri: `${base}/certs`,
    audienceOf: (resource) => `api://${resource.split('/').at(-1)}`,
    subjects: { machine: /^machine$/, ann: /^ann$/ },
    serve: async () => undefined,
    async machineToken(resource) {
      return (await redeem(`${base}/token`, 'machine', SECRET, { grant_type: 'client_credentials', scope: 'tools:read', resource })).access
    },
    async personTokens(name, resource) {
      const browser = (url: string): Promise<string> => passDevPages(url, name, (at) => at.href.startsWith(CALLBACK))
      const { code, verifier } = await authorize(`${base}/auth`, 'app', { scope: 'openid tools:read', resource }, browser)
      const fields = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: CALLBACK, resource }
      return withIdentity(await redeem(`${base}/token`, 'app', SECRET, fields))
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
