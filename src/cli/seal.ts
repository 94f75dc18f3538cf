/** `portcullis seal`, `unseal` and `rekey`: secrets of the configuration, and the key that they and those of the store are sealed with. */
import { closeSync, fsyncSync, openSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { DEFAULT_FILE, findSealed, loadSealing, resealConfig } from '../config/load.ts'
import { parsePath, settingsAt, takesSecret } from '../config/places.ts'
import { configSchema } from '../config/schema.ts'
import { openValue, type Resealed, sealValue } from '../config/sealed.ts'
import { type Path, showPath } from '../config/source.ts'
import { Fault } from '../core/denial.ts'
import { createIds } from '../core/id.ts'
import { SEALED } from '../store/keys.ts'
import { type Resealing, resealRecords } from '../store/reseal.ts'
import { openConfig, operator, withNewRecords } from './open.ts'
import { readSecret } from './prompt.ts'
import { examples, misuse, type Shared, type Shell, shared } from './shell.ts'
import { EXIT, note, say, sayJson, type Terminal } from './terminal.ts'

const EXAMPLE = 'servers.crm.credential.tokenExchange.clientSecret'

export function addSeal(program: Command, shell: Shell): void {
  const seal = program.command('seal').argument('<place>', `the setting, such as ${EXAMPLE}`)
  examples(shared(seal), `portcullis seal ${EXAMPLE}`, 'openssl rand -base64 32 | portcullis seal authentication.jwtSecret')
  seal.action((place: string, options: Shared) => sealSecret(place, options, shell))

  const unseal = program.command('unseal').argument('<place>', 'the setting').option('--show-secret', 'yes, on this screen')
  examples(shared(unseal), `portcullis unseal ${EXAMPLE} --show-secret`)
  unseal.action((place: string, options: Shared & { readonly showSecret?: true }) => unsealSecret(place, options, shell))

  const rekey = program.command('rekey')
  examples(shared(rekey), 'portcullis rekey')
  rekey.action((options: Shared) => rekeyAll(options, shell))
}

function readPlace(text: string): Path {
  const path = parsePath(text)
  if (path === undefined || showPath(path) !== text) throw misuse(`${JSON.stringify(text)} is no place: write one such as ${EXAMPLE}`)
  if (!takesSecret(settingsAt(configSchema(), path)))
    throw misuse(`${text} is no setting that takes a secret, so nothing sealed is read there`)
  return path
}

async function sealSecret(place: string, { config, json }: Shared, { terminal }: Shell): Promise<void> {
  const path = readPlace(place)
  const seal = loadSealing(config ?? DEFAULT_FILE).values(true)
  const sealed = sealValue(seal, await readSecret(terminal, `secret for ${place}: `), path)
  if (json === true) sayJson(terminal, { place, sealed })
  else say(terminal, sealed)
}

async function unsealSecret(
  place: string,
  { config: file, json, showSecret }: Shared & { readonly showSecret?: true },
  { terminal }: Shell,
): Promise<void> {
  const path = readPlace(place)
  if (showSecret !== true) throw misuse('the secret will be on the screen: add --show-secret')
  const config = openConfig(file)
  const sealed = findSealed(file ?? DEFAULT_FILE, path)
  if (sealed === undefined) throw new Fault('FAULT_CONFIG', `${file ?? DEFAULT_FILE}: ${place}: there is nothing sealed`)
  const secret = openValue(config.sealing.values(), sealed, path)
  if (config.keyFile !== undefined) {
    // Written down before it is shown.
    await withNewRecords(config, terminal, ({ journal }) => journal.write({ type: 'secret.shown', detail: place, by: operator() }))
  }
  if (json === true) sayJson(terminal, { place, secret })
  else say(terminal, secret)
}

async function rekeyAll({ config: name, json }: Shared, { terminal, finish }: Shell): Promise<void> {
  const config = openConfig(name)
  const records = await rekeyStore(config, terminal)
  const { changed, elsewhere } = rekeyFile(config, terminal)
  if (json === true) sayJson(terminal, { configuration: changed, elsewhere, records: records.changed, unknown: records.unknown })
  else {
    say(terminal, `sealed anew: ${changed.length} of the configuration, ${records.changed} of the store`)
    if (records.unknown > 0) note(terminal, `${records.unknown} records are sealed with a key that is not here, and were left`)
    for (const place of elsewhere) note(terminal, `${place} comes from the environment: put there what "portcullis seal ${place}" prints`)
    if (elsewhere.length === 0)
      note(terminal, 'nothing needs the keys of "sealing.previous" any more, but copies of what was sealed with them')
  }
  if (elsewhere.length > 0) finish(EXIT.refused)
}

async function rekeyStore(config: Config, terminal: Terminal): Promise<Resealing> {
  if (config.keyFile === undefined) return { changed: 0, unknown: 0 }
  return await withNewRecords(config, terminal, async ({ store, seal, journal }) => {
    const done = await resealRecords(store, seal, SEALED)
    await journal.write({ type: 'secret.rekeyed', detail: `${done.changed} records, ${done.unknown} of unknown keys`, by: operator() })
    return done
  })
}

/** A file that is half written would be a configuration that is lost: the new one takes the place of the old at once. */
function rekeyFile({ file, sealing }: Config, { clock }: Terminal): Omit<Resealed, 'text'> {
  if (file === undefined) return { changed: [], elsewhere: [] }
  const place = realpathSync(file)
  const before = readFileSync(place, 'utf8')
  const { text, changed, elsewhere } = resealConfig(before, () => sealing.values())
  if (changed.length === 0) return { changed, elsewhere }
  const aside = join(dirname(place), `.portcullis-${createIds(clock)()}.tmp`)
  const opened = openSync(aside, 'wx', statSync(place).mode & 0o777)
  try {
    writeFileSync(opened, text)
    fsyncSync(opened)
  } finally {
    closeSync(opened)
  }
  if (readFileSync(place, 'utf8') !== before) throw new Fault('FAULT_CONFIG', `${place}: somebody else changed it meanwhile; try again`)
  renameSync(aside, place)
  return { changed, elsewhere }
}
