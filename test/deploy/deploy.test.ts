/** What deploy/ ships fits together, gives away nothing, and is taken by the tools that read it, where they are. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { DCLinter } from 'dclint'
import { validate } from 'dockerfile-utils'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { parseConfig } from '../../src/config/load.ts'
import { openRedis } from '../../src/store/redis.ts'
import { freePort } from '../fixtures/port.ts'
import { REDIS_MISSING, until } from '../fixtures/redis.ts'

const TSC = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc')
const TYPES = join(import.meta.dirname, '../../node_modules/kubernetes-types')
const DEPLOY = join(import.meta.dirname, '../../deploy')
const read = (file: string): string => readFileSync(join(DEPLOY, file), 'utf8')
const RIGHTS = '+@read +@write +@scripting +@connection'
const config = (environment: Readonly<Record<string, string>> = {}) =>
  parseConfig(read('portcullis.yaml'), {
    file: join('/etc/portcullis', 'portcullis.yaml'),
    environment: { REDIS_PASSWORD: 'x', ...environment },
  })

/** Why a test is left out here; never where everything must be tested. */
function missing(program: string, pack: string): string | false {
  return existsSync(program) || process.env['CI'] !== undefined ? false : `${program} is not installed: apt-get install ${pack}`
}

const service = z.looseObject({
  user: z.string(),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal('ALL')]),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  volumes: z.array(z.string()).default([]),
  tmpfs: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  networks: z.array(z.string()),
  command: z.array(z.string()).optional(),
})
const compose = z.looseObject({
  services: z.record(z.string(), service),
  networks: z.looseObject({ back: z.object({ internal: z.literal(true) }) }),
})

it('the configuration of a replica is one, and every replica gets its own name and place', () => {
  const first = config({ HOSTNAME: 'portcullis-0', POD_IP: '10.1.2.3' })
  assert.equal(first.node, 'portcullis-0')
  assert.equal(first.peers?.url, 'http://10.1.2.3:7070/')
  assert.equal(first.redis?.username, 'portcullis')
  assert.ok(!first.store.includes('x@'))
})

it('no container of the compose file is root, writes to its image, or is reached from elsewhere but the balancer from this machine', () => {
  const { services } = compose.parse(parse(read('compose.yaml')))
  for (const [name, { user, ports }] of Object.entries(services)) {
    assert.ok(!/^(0|root)(:|$)/.test(user), name)
    assert.ok(
      ports.every((port) => name === 'balancer' && port.startsWith('127.0.0.1:')),
      name,
    )
  }
  assert.deepEqual(services['redis']?.networks, ['back'])
  const command = (services['redis']?.command ?? []).join(' ')
  assert.match(command, /--maxmemory-policy noeviction/)
  assert.ok(command.includes(`"~portcullis:*" ${RIGHTS} +info`))
  const { keyFile = '', redis } = config()
  assert.ok(services['portcullis']?.volumes.includes(`./portcullis.key:${keyFile}:ro`))
  assert.ok(services['portcullis']?.tmpfs.some((mount) => redis?.spool.folder.startsWith(mount.split(':')[0] ?? '-')))
})

it('Redis of the compose file starts, and has what a replica needs of it', { skip: REDIS_MISSING }, async (t) => {
  const { services } = compose.parse(parse(read('compose.yaml')))
  const folder = mkdtempSync(join(tmpdir(), 'compose-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const port = await freePort()
  const command = (services['redis']?.command ?? []).at(-1)?.replaceAll('$$', '$')
  const child = spawn('sh', ['-c', `${command} --port ${port} --dir ${folder}`], {
    env: { ...process.env, REDIS_PASSWORD: 'a word' },
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const { redis } = config({ REDIS_URL: `redis://127.0.0.1:${port}/0`, REDIS_PASSWORD: 'a word' })
  assert.ok(redis !== undefined)
  const store = openRedis(redis, { clock: Date.now })
  t.after(() => store.close())
  await until(() => store.put('a/b', 1))
  await store.append('log', [1], { by: 'w', value: 1 })
  assert.deepEqual([await store.list(''), await store.take('a/b')], [[{ key: 'a/b', value: 1 }], 1])
})

/** With a Host that the door lets in. */
const health = z.object({
  path: z.literal('/health'),
  port: z.literal('http'),
  httpHeaders: z.tuple([z.object({ name: z.literal('Host'), value: z.literal('localhost') })]),
})
const container = z.looseObject({
  securityContext: z.object({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  startupProbe: z.looseObject({ httpGet: health }),
  readinessProbe: z.looseObject({ httpGet: health }),
  livenessProbe: z.looseObject({ tcpSocket: z.object({ port: z.literal('http') }) }),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
})
const stateful = z.looseObject({
  kind: z.literal('StatefulSet'),
  spec: z.looseObject({
    template: z.looseObject({
      spec: z.looseObject({
        automountServiceAccountToken: z.literal(false),
        securityContext: z.looseObject({
          runAsNonRoot: z.literal(true),
          seccompProfile: z.object({ type: z.literal('RuntimeDefault') }),
        }),
        containers: z.tuple([container]),
      }),
    }),
  }),
})

it('a pod of the manifests is not root, cannot write but where it must, is probed, and speaks with nobody that is not named', () => {
  const documents = parseAllDocuments(read('kubernetes/portcullis.yaml')).map((document): unknown => document.toJS())
  const kinds = documents.map((document) => z.looseObject({ kind: z.string() }).parse(document).kind)
  assert.deepEqual(kinds, ['StatefulSet', 'Service', 'Service', 'PodDisruptionBudget', 'NetworkPolicy'])
  const [{ volumeMounts }] = stateful.parse(documents[0]).spec.template.spec.containers
  const places = volumeMounts.map(({ mountPath }) => mountPath)
  const { keyFile = '', redis } = config()
  assert.ok(places.includes(keyFile))
  assert.ok(places.some((place) => redis?.spool.folder.startsWith(`${place}/`)))
  const policy = z.looseObject({
    spec: z.looseObject({ policyTypes: z.array(z.string()), ingress: z.array(z.unknown()), egress: z.array(z.unknown()) }),
  })
  assert.deepEqual(policy.parse(documents.at(-1)).spec.policyTypes, ['Ingress', 'Egress'])
})

const KUBECTL = '/usr/bin/kubectl'
it('kubectl puts the manifests together', { skip: existsSync(KUBECTL) ? false : 'kubectl is not installed' }, () => {
  const built = execFileSync(KUBECTL, ['kustomize', join(DEPLOY, 'kubernetes')], { encoding: 'utf8' })
  assert.equal(built.split('\n---\n').length, 5)
  assert.match(built, /namespace: portcullis/)
})

it('every member of the manifests is one that Kubernetes knows, of its type', (t) => {
  const types: Readonly<Record<string, string>> = {
    StatefulSet: 'apps/v1',
    Service: 'core/v1',
    PodDisruptionBudget: 'policy/v1',
    NetworkPolicy: 'networking/v1',
  }
  const check = (text: string): string => {
    const documents = parseAllDocuments(text).map((document) => z.looseObject({ kind: z.string() }).parse(document.toJS()))
    const lines = documents.map(
      (document, at) => `export const d${at}: import('${TYPES}/${types[document.kind]}').${document.kind} = ${JSON.stringify(document)}`,
    )
    const folder = mkdtempSync(join(tmpdir(), 'manifests-'))
    t.after(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'manifests.ts'), lines.join('\n'))
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--ignoreConfig', '--module', 'preserve', '--types', '', '--lib', 'es2022']
    const { stdout } = spawnSync(process.execPath, [TSC, ...options, join(folder, 'manifests.ts')], { encoding: 'utf8' })
    return stdout
  }
  const text = read('kubernetes/portcullis.yaml')
  assert.equal(check(text), '')
  assert.match(check(text.replace('readOnlyRootFilesystem', 'readOnlyRootFileSystem')), /readOnlyRootFileSystem.* does not exist/)
})

it('the compose file keeps to the specification of Compose, and the Dockerfile to the words of Docker', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'compose-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const errorsOf = (text: string): readonly unknown[] => {
    writeFileSync(join(folder, 'compose.yaml'), text)
    // The image is built here, under the name that it is then used by.
    const rules = { 'no-build-and-image': 0, 'service-image-require-explicit-tag': 0 } as const
    const [result] = new DCLinter({ rules, quiet: true, debug: false, exclude: [] }).lintFiles([folder], false)
    const messages: readonly { readonly type: string; readonly rule: string }[] = result?.messages ?? []
    return messages.filter(({ type }) => type === 'error').map(({ rule }) => rule)
  }
  const text = read('compose.yaml')
  assert.deepEqual(errorsOf(text), [])
  assert.deepEqual(errorsOf(text.replace('read_only:', 'read_onyl:')), ['invalid-schema'])
  const docker = read('Dockerfile')
  assert.deepEqual(validate(docker), [])
  assert.equal(validate(docker.replace('USER ', 'USRE ')).length, 1)
})

const NGINX = '/usr/sbin/nginx'
it('nginx takes the configuration of the balancer', { skip: missing(NGINX, 'nginx-light') }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'balancer-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const text = read('balancer.conf')
  // Debian's is older than the image's (1.27.3), and asks for names once; here there is no such name.
  const older = text.replaceAll('/tmp', folder).replace('server portcullis:8080 resolve;', 'server 127.0.0.1:8080;')
  const ask = (said: string): ReturnType<typeof spawnSync> => {
    writeFileSync(join(folder, 'nginx.conf'), said)
    return spawnSync(NGINX, ['-t', '-e', 'stderr', '-c', join(folder, 'nginx.conf')], { encoding: 'utf8' })
  }
  assert.match(String(ask(older).stderr), /syntax is ok[\s\S]*test is successful/)
  assert.match(String(ask(older.replace('proxy_buffering off', 'proxy_bufering off')).stderr), /unknown directive/)
})

const SYSTEMD = '/usr/bin/systemd-analyze'
it('systemd takes the unit, and finds little that it may do', { skip: missing(SYSTEMD, 'systemd') }, () => {
  const unit = join(DEPLOY, 'portcullis.service')
  assert.equal(execFileSync(SYSTEMD, ['verify', '--man=no', unit], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }), '')
  const judged = execFileSync(SYSTEMD, ['security', '--offline=true', '--threshold=20', unit], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  assert.match(judged, /Overall exposure level for portcullis\.service: [01]\./)
})

it('the documentation names the rights that Redis has to give', () => {
  const text = readFileSync(join(DEPLOY, '../docs/storage.md'), 'utf8')
  assert.ok(text.includes(`~portcullis:* ${RIGHTS}`))
})
