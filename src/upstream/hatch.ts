/** The way out of a sandbox, seen from inside: a port on its loopback, opened by a program of a few system calls that hands it to us and then becomes the server. */
// A port belongs to the network that it was opened in, so somebody has to open it in there, and it must be open before the server runs. A
// script would need an interpreter started first (measured: 150 ms with ours) and would stay, within the server's memory, to copy
// every byte. This needs a few milliseconds at most and leaves nothing behind. It can do nothing that the server could not do itself.

/** Nobody else is in this network. */
export const HATCH_PORT = 3128
/** The descriptor on which the gateway waits for the port: Node's channel to a child (`stdio: 'ipc'`). */
export const HATCH_CHANNEL = 6

/** Its steps failed; the program behind it is not there (as shells say it). */
const EXIT_FAILED = 126
const EXIT_NO_PROGRAM = 127
const BACKLOG = 128
/** The lowest that is free: all but the first three and the channel have been closed. */
const PORT_DESCRIPTOR = 3

/** How Node passes a server to a process over that channel: this line, and with it the descriptor (SCM_RIGHTS). */
const LINE = `${JSON.stringify({ cmd: 'NODE_HANDLE', type: 'net.Server', msg: {} })}\n`

type Machine = 'x64' | 'arm64'

/** Numbers of asm/unistd.h. */
const CALLS = {
  close_range: { x64: 436, arm64: 436 },
  socket: { x64: 41, arm64: 198 },
  bind: { x64: 49, arm64: 200 },
  listen: { x64: 50, arm64: 201 },
  sendmsg: { x64: 46, arm64: 211 },
  execve: { x64: 59, arm64: 221 },
  exit: { x64: 60, arm64: 93 },
} as const

const AF_INET = 2
const SOCK_STREAM = 1
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const LAST_DESCRIPTOR = 0xffffffff

/** One system call with plain numbers for arguments; what it must return, or the program ends. */
interface Step {
  readonly call: keyof typeof CALLS
  readonly args: readonly number[]
  readonly returns: number
}

/** Where things lie in memory: the file as it is, from here on. */
const BASE = 0x400000
const HEADER_BYTES = 64
const SEGMENT_BYTES = 56
const DATA = HEADER_BYTES + 2 * SEGMENT_BYTES
/** `struct sockaddr_in`, iovec, cmsghdr with its descriptor, msghdr; then the line. */
const [ADDRESS, VECTOR, CONTROL, MESSAGE, TEXT] = [DATA, DATA + 16, DATA + 32, DATA + 56, DATA + 112]
const CONTROL_BYTES = 24
const CODE = Math.ceil((TEXT + LINE.length) / 16) * 16

const STEPS: readonly Step[] = [
  { call: 'close_range', args: [PORT_DESCRIPTOR, HATCH_CHANNEL - 1, 0], returns: 0 },
  { call: 'close_range', args: [HATCH_CHANNEL + 1, LAST_DESCRIPTOR, 0], returns: 0 },
  { call: 'socket', args: [AF_INET, SOCK_STREAM, 0], returns: PORT_DESCRIPTOR },
  { call: 'bind', args: [PORT_DESCRIPTOR, BASE + ADDRESS, 16], returns: 0 },
  { call: 'listen', args: [PORT_DESCRIPTOR, BACKLOG], returns: 0 },
  { call: 'sendmsg', args: [HATCH_CHANNEL, BASE + MESSAGE, 0], returns: LINE.length },
  // The server gets neither the port nor the channel.
  { call: 'close_range', args: [PORT_DESCRIPTOR, LAST_DESCRIPTOR, 0], returns: 0 },
]

/** @returns the program (ELF), or undefined for a machine that is not known here. Its arguments are the program that it becomes, and that one's. */
export function createHatch(machine: string): Buffer | undefined {
  if (machine !== 'x64' && machine !== 'arm64') return undefined
  const code = codeOf(machine)
  const file = Buffer.alloc(CODE + code.length)
  writeHeader(file, machine)
  writeData(file)
  code.copy(file, CODE)
  return file
}

/** elf(5): one segment, the whole file, to be read and executed, never written; and a stack that is not executed. */
function writeHeader(file: Buffer, machine: Machine): void {
  const [EXECUTABLE, LOAD, STACK] = [2, 1, 0x6474e551]
  const [RUN, WRITE, READ] = [1, 2, 4]
  file.write('\x7fELF\x02\x01\x01', 'latin1')
  file.writeUInt16LE(EXECUTABLE, 16)
  file.writeUInt16LE(machine === 'x64' ? 62 : 183, 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(BigInt(BASE + CODE), 24)
  file.writeBigUInt64LE(BigInt(HEADER_BYTES), 32)
  for (const [at, value] of [HEADER_BYTES, SEGMENT_BYTES, 2].entries()) file.writeUInt16LE(value, 52 + 2 * at)
  const segment = (at: number, type: number, flags: number, address: number, bytes: number): void => {
    file.writeUInt32LE(type, at)
    file.writeUInt32LE(flags, at + 4)
    for (const place of [16, 24]) file.writeBigUInt64LE(BigInt(address), at + place)
    for (const place of [32, 40]) file.writeBigUInt64LE(BigInt(bytes), at + place)
    file.writeBigUInt64LE(0x10000n, at + 48)
  }
  segment(HEADER_BYTES, LOAD, READ | RUN, BASE, file.length)
  segment(HEADER_BYTES + SEGMENT_BYTES, STACK, READ | WRITE, 0, 0)
}

function writeData(file: Buffer): void {
  file.writeUInt16LE(AF_INET, ADDRESS)
  file.writeUInt16BE(HATCH_PORT, ADDRESS + 2)
  file.set([127, 0, 0, 1], ADDRESS + 4)
  file.writeBigUInt64LE(BigInt(BASE + TEXT), VECTOR)
  file.writeBigUInt64LE(BigInt(LINE.length), VECTOR + 8)
  // cmsg(3): the length without what fills it up, then level, type and the descriptor.
  file.writeBigUInt64LE(20n, CONTROL)
  for (const [at, value] of [SOL_SOCKET, SCM_RIGHTS, PORT_DESCRIPTOR].entries()) file.writeUInt32LE(value, CONTROL + 8 + 4 * at)
  // recvmsg(2): no address; one vector; the control message.
  for (const [at, value] of [0, 0, BASE + VECTOR, 1, BASE + CONTROL, CONTROL_BYTES, 0].entries())
    file.writeBigUInt64LE(BigInt(value), MESSAGE + 8 * at)
  file.write(LINE, TEXT, 'latin1')
}

/** The steps; then `execve(argv[1], argv + 1, environment)`; then, when that has returned, the end. */
function codeOf(machine: Machine): Buffer {
  const { call, unless, become } = machine === 'x64' ? X64 : ARM64
  const end = (code: number): Buffer => call(CALLS.exit[machine], [code])
  const steps = STEPS.flatMap(({ call: name, args, returns }) => [
    call(CALLS[name][machine], args),
    unless(returns, end(EXIT_FAILED)),
    end(EXIT_FAILED),
  ])
  return Buffer.concat([...steps, become(CALLS.execve[machine]), end(EXIT_NO_PROGRAM)])
}

interface Words {
  /** A system call. */
  readonly call: (number: number, args: readonly number[]) => Buffer
  /** Leaves what stands behind out when the last call returned this. */
  readonly unless: (value: number, skipped: Buffer) => Buffer
  /** Of a stack on which lie the count of arguments, then these, a null, and the environment. */
  readonly become: (number: number) => Buffer
}

/** `mov r32, imm32` of the registers for arguments, by opcode (edi, esi, edx); `syscall`. */
const X64: Words = {
  call: (number, args) =>
    Buffer.concat([[0xb8, number], ...args.map((value, at) => [[0xbf, 0xbe, 0xba][at] ?? 0, value])].map(move64).concat(SYSCALL)),
  // cmp eax, imm32; je rel32
  unless: (value, skipped) => Buffer.concat([move64([0x3d, value]), Buffer.from([0x0f, 0x84]), word(skipped.length)]),
  become: (number) =>
    Buffer.concat([
      // mov rdi, [rsp+16]; lea rsi, [rsp+16]; mov rcx, [rsp]; lea rdx, [rsp+rcx*8+16]
      Buffer.from('488b7c2410488d742410488b0c24488d54cc10', 'hex'),
      move64([0xb8, number]),
      SYSCALL,
    ]),
}
const SYSCALL = Buffer.from([0x0f, 0x05])
const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}
function move64([opcode = 0, value = 0]: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from([opcode]), word(value)])
}

/** `movz` and `movk` into w0, w1, w2 and w8; `svc #0`. */
const ARM64: Words = {
  call: (number, args) => Buffer.concat([...args.map((value, at) => moveArm(at, value)), moveArm(8, number), SVC]),
  // cmp w0, #imm12; b.eq, which counts from itself
  unless: (value, skipped) => Buffer.concat([word(0x7100001f | (value << 10)), word(0x54000000 | ((skipped.length / 4 + 1) << 5))]),
  become: (number) =>
    Buffer.concat([
      // ldr x0, [sp, #16]; add x1, sp, #16; ldr x3, [sp]; add x2, x1, x3, lsl #3
      ...[0xf9400be0, 0x910043e1, 0xf94003e3, 0x8b030c22].map(word),
      moveArm(8, number),
      SVC,
    ]),
}
const SVC = word(0xd4000001)
const moveArm = (register: number, value: number): Buffer =>
  Buffer.concat([word(0x52800000 | ((value & 0xffff) << 5) | register), word(0x72a00000 | ((value >>> 16) << 5) | register)])
