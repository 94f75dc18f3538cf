import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Denial } from '../../src/core/denial.ts'
import { createResources, type ResourceOptions } from '../../src/identity/resource.ts'
import { refuse } from '../../src/mcp/refuse.ts'

const base: ResourceOptions = {
  publicUrl: 'https://mcp.example.com',
  servers: ['files', 'mail'],
  issuers: ['https://login.example.com', 'https://mcp.example.com'],
  tools: {
    'files/read_*': { scopes: ['tools:read'] },
    'files/write_file': { scopes: ['tools:write', 'tools:admin'] },
    'mail/send': { scopes: ['{server}:{name}'] },
    '*': { scopes: ['mcp:tool:{name}', 'offline_access'] },
    free: {},
  },
  prompts: { summary: { scopes: ['prompts:use'] } },
}
const document = (options: ResourceOptions, path: string) => JSON.parse(createResources(options).documents.get(path) ?? 'null')

test('each server has a document of its own, where RFC 9728 says', () => {
  assert.deepEqual(document(base, '/.well-known/oauth-protected-resource/mcp/files'), {
    resource: 'https://mcp.example.com/mcp/files',
    authorization_servers: ['https://login.example.com', 'https://mcp.example.com'],
    scopes_supported: ['prompts:use', 'tools:admin', 'tools:read', 'tools:write'],
    bearer_methods_supported: ['header'],
    resource_name: 'files',
  })
  assert.deepEqual(document(base, '/.well-known/oauth-protected-resource/mcp/mail').scopes_supported, ['mail:send', 'prompts:use'])
})

test('of many servers none is at the root; the only one is, under the URL that clients use there', () => {
  assert.equal(document(base, '/.well-known/oauth-protected-resource'), null)
  assert.equal(document(base, '/.well-known/oauth-protected-resource/mcp'), null)
  const one = { ...base, servers: ['files'] }
  assert.equal(document(one, '/.well-known/oauth-protected-resource').resource, 'https://mcp.example.com/mcp')
  assert.equal(document(one, '/.well-known/oauth-protected-resource/mcp').resource, 'https://mcp.example.com/mcp')
  assert.equal(document(one, '/.well-known/oauth-protected-resource/mcp/files').resource, 'https://mcp.example.com/mcp/files')
  assert.deepEqual(createResources(one).identifiersOf('files'), ['https://mcp.example.com/mcp/files', 'https://mcp.example.com/mcp'])
  assert.deepEqual(createResources(base).identifiersOf('files'), ['https://mcp.example.com/mcp/files'])
  assert.deepEqual(createResources(base).identifiersOf('nobody'), [])
})

test('the path of publicUrl comes behind the well-known one', () => {
  const under = { ...base, publicUrl: 'https://example.com/gw' }
  const path = '/.well-known/oauth-protected-resource/gw/mcp/files'
  assert.equal(document(under, path).resource, 'https://example.com/gw/mcp/files')
  assert.equal(document(under, '/.well-known/oauth-protected-resource/mcp/files').resource, 'https://example.com/gw/mcp/files')
  const challenge = createResources(under).challengeFor('/mcp/files', new Denial('unauthenticated'))
  assert.equal(challenge.resourceMetadata, `https://example.com${path}`)
})

test('without an issuer there is nothing to tell', () => {
  const none = createResources({ ...base, issuers: [] })
  assert.equal(none.documents.size, 0)
  assert.deepEqual(none.challengeFor('/mcp/files', new Denial('unauthenticated')), {})
  assert.deepEqual(createResources(base).challengeFor('/elsewhere', new Denial('unauthenticated')), {})
})

test('a 401 names the document, and the scopes that the call takes', () => {
  const denial = new Denial('unauthenticated')
  const asked = { kind: 'tool', server: 'files', name: 'write_file' } as const
  const challenge = createResources(base).challengeFor('/mcp/files', denial, asked)
  assert.deepEqual(challenge, {
    resourceMetadata: 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp/files',
    scopes: ['mcp:tool:write_file', 'tools:write'],
  })
  assert.match(
    refuse(denial, undefined, challenge).headers['www-authenticate'] ?? '',
    /scope="mcp:tool:write_file tools:write", resource_metadata="/,
  )
})

test('a 403 names the scopes of the law, and the document', () => {
  const denial = new Denial('insufficient_scope', { remedies: [{ kind: 'scope', scopes: ['a', 'b'] }] })
  const challenge = createResources(base).challengeFor('/mcp/files', denial, { kind: 'tool', server: 'files', name: 'write_file' })
  assert.equal(challenge.scopes, undefined)
  assert.match(
    refuse(denial, undefined, challenge).headers['www-authenticate'] ?? '',
    /error="insufficient_scope".* scope="a b", resource_metadata="/,
  )
})

test('offline_access stands nowhere', () => {
  const everything = createResources({ ...base, tools: { x: { scopes: ['offline_access'] } }, prompts: {} })
  assert.ok(![...everything.documents.values()].join().includes('offline_access'))
  const asked = { kind: 'tool', server: 'files', name: 'x' } as const
  assert.equal(everything.challengeFor('/mcp/files', new Denial('unauthenticated'), asked).scopes, undefined)
})

test('proofs of possession are told where they are taken', () => {
  const told = document({ ...base, proofAlgorithms: ['ES256'] }, '/.well-known/oauth-protected-resource/mcp/files')
  assert.deepEqual(told.dpop_signing_alg_values_supported, ['ES256'])
})
