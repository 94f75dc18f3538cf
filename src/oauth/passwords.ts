/** Passwords as Argon2id hashes (RFC 9106), few at a time: each takes memory and a core. */
import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { Denial, Fault } from '../core/denial.ts'

/** OWASP Password Storage: 19 MiB, two passes, one lane. */
const MEMORY_KIB = 19_456
const PASSES = 2
const LANES = 1
const SALT_BYTES = 16
const TAG_BYTES = 32
/** Hashes at once in one process: half of the four threads that file reads and name look-ups need too. */
const AT_ONCE = 2
/** Waiting behind them; more is an attack, and is told to come back. */
const WAITING_MAX = 64
/** NIST SP 800-63B-4 §3.1.1.2: at least 15 where it is the only factor; long ones must be possible. */
const PASSWORD_MIN = 15
const PASSWORD_MAX_CHARS = 256

const hash = promisify(argon2)

interface Hash {
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
  readonly salt: Buffer
  readonly tag: Buffer
}

export class Passwords {
  #running = 0
  readonly #waiting: (() => void)[] = []
  readonly #decoy: Promise<string>

  constructor() {
    // What an unknown name is compared to, so that it takes as long as a known one.
    this.#decoy = this.hash(randomBytes(SALT_BYTES).toString('hex'))
    this.#decoy.catch(() => undefined)
  }

  /** In the form of the reference implementation: `$argon2id$v=19$m=…,t=…,p=…$salt$tag`. */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES)
    const tag = await this.#derive(password, { memory: MEMORY_KIB, passes: PASSES, parallelism: LANES, salt, tag: Buffer.alloc(TAG_BYTES) })
    return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${unpadded(salt)}$${unpadded(tag)}`
  }

  /**
   * Takes as long for an unknown user as for a known one.
   * @param kept undefined: nobody has this name.
   * @throws Denial `rate_limited` when too many wait.
   */
  async isRight(password: string, kept: string | undefined): Promise<boolean> {
    const expected = readHash(kept ?? (await this.#decoy))
    const tag = await this.#derive(password, expected)
    return timingSafeEqual(tag, expected.tag) && kept !== undefined
  }

  async #derive(password: string, { memory, passes, parallelism, salt, tag }: Hash): Promise<Buffer> {
    await this.#enter()
    try {
      // NFC: one password however a keyboard composes its letters (RFC 8265 §4.2.2).
      const message = password.normalize('NFC')
      const parameters: Argon2Parameters = { message, nonce: salt, memory, passes, parallelism, tagLength: tag.length }
      return await hash('argon2id', parameters)
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  async #enter(): Promise<void> {
    if (this.#running >= AT_ONCE) {
      if (this.#waiting.length >= WAITING_MAX) throw new Denial('rate_limited', { detail: 'too many passwords are being checked' })
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#running++
  }
}

function readHash(text: string): Hash {
  const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text)
  const [, memory, passes, parallelism, salt, tag] = match ?? []
  if (salt === undefined || tag === undefined) throw new Fault('FAULT_STORE', 'The hash of a password is damaged')
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  }
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}

/** What is wrong with a password that somebody chooses; undefined when nothing is. */
export function flawOfPassword(password: string, name: string): string | undefined {
  if ([...password].length < PASSWORD_MIN) return `A password has at least ${PASSWORD_MIN} characters.`
  if (password.length > PASSWORD_MAX_CHARS) return `A password has at most ${PASSWORD_MAX_CHARS} characters.`
  if (!password.isWellFormed()) return 'A password is made of characters.'
  if (new Set(password).size < 5 || password.toLowerCase().includes(name.toLowerCase())) return 'This password is easily guessed.'
  return undefined
}
