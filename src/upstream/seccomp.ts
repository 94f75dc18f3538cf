/** Which system calls a sandboxed server may not make, as the program that the kernel runs before each of them (seccomp_bpf(2)). */

type Machine = 'x64' | 'arm64'

/** `AUDIT_ARCH_*` of linux/audit.h: whoever speaks another ABI, where the numbers mean something else, is killed. */
const ABI: Readonly<Record<Machine, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 }
/** From here on numbers are those of x32, a second ABI under the same name. */
const X32 = 0x40000000
/** `mseal`, the newest that was looked at. What came later does not exist here: programs fall back. */
const NEWEST = 462

const EPERM = 1
const ENOSYS = 38
const EAFNOSUPPORT = 97

/** Number on x64 and on arm64 (asm/unistd.h); undefined where there is none. */
type Numbers = readonly [x64: number, arm64: number | undefined]

/** Refused with EPERM. */
const FORBIDDEN: Readonly<Record<string, Numbers>> = {
  // Looking into other processes.
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  kcmp: [312, 272],
  pidfd_getfd: [438, 438],
  // Another view of the file system.
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  open_by_handle_at: [304, 265],
  name_to_handle_at: [303, 264],
  fanotify_init: [300, 262],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  // Another namespace, in which one would be root.
  unshare: [272, 97],
  setns: [308, 268],
  // Parts of the kernel in which holes are found every year, and which no server needs.
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  // The machine itself.
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  reboot: [169, 142],
  swapon: [167, 224],
  swapoff: [168, 225],
  acct: [163, 89],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  clock_adjtime: [305, 266],
  adjtimex: [159, 171],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  syslog: [103, 116],
  vhangup: [153, 58],
  iopl: [172, undefined],
  ioperm: [173, undefined],
  modify_ldt: [154, undefined],
  // It would give back the processors that `cpu` takes away.
  sched_setaffinity: [203, 122],
}

/** Answered as though the kernel did not have them. */
const ABSENT: Readonly<Record<string, Numbers>> = {
  // Its arguments are in memory, where a filter cannot look; libraries fall back to clone.
  clone3: [435, 435],
  // What is asked of it passes no filter.
  io_uring_setup: [425, 425],
  // Memory that belongs to no process, so that no limit on processes counts it.
  memfd_create: [319, 279],
  memfd_secret: [447, 447],
  shmget: [29, 194],
  shmat: [30, 196],
  msgget: [68, 186],
  semget: [64, 190],
}

const CLONE: Numbers = [56, 220]
const SOCKET: Numbers = [41, 198]
const IOCTL: Numbers = [16, 29]

/** Every `CLONE_NEW*` that clone takes (sched.h). */
const NAMESPACES = 0x7e020000
/** Input pushed into somebody's terminal (CVE-2017-5226), and the same by way of the console. */
const TERMINAL_INPUT = [0x5412, 0x541c] as const
/** AF_UNIX, AF_INET, AF_INET6. Not AF_VSOCK above all: it leads to the host of a virtual machine, and no network namespace holds it. */
const FAMILIES = [1, 2, 10] as const
/** AF_NETLINK with NETLINK_ROUTE: the list of network interfaces. */
const NETLINK = 16

/** Offsets in `struct seccomp_data`; of arguments the lower half, both machines being little-endian. */
const NUMBER = 0
const ABI_OF_CALL = 4
const argument = (index: number): number => 16 + 8 * index

const ALLOW = 0x7fff0000
const KILL = 0x80000000
const errno = (value: number): number => 0x00050000 | value

interface Instruction {
  readonly code: number
  readonly yes?: number
  readonly no?: number
  readonly k: number
}

/** BPF_LD|W|ABS, BPF_RET|K, BPF_JMP|JEQ|K, JGE, JGT, JSET (linux/bpf_common.h). Jumps count the instructions that are left out. */
const load = (k: number): Instruction => ({ code: 0x20, k })
const answer = (k: number): Instruction => ({ code: 0x06, k })
const skipUnless = (code: 'equal' | 'from' | 'above' | 'any', k: number, no: number): Instruction => ({ code: TESTS[code], k, no })
const TESTS = { equal: 0x15, from: 0x35, above: 0x25, any: 0x45 } as const

/** Is it this call, then the block decides, which ends in an answer. */
const when = (number: number, ...block: readonly Instruction[]): readonly Instruction[] => [
  skipUnless('equal', number, block.length),
  ...block,
]

/** @returns the program as bytes (`struct sock_filter[]`), or undefined on a machine whose numbers are not known here. */
export function createFilter(machine: string): Buffer | undefined {
  if (machine !== 'x64' && machine !== 'arm64') return undefined
  const numberOf = ([x64, arm64]: Numbers): number | undefined => (machine === 'x64' ? x64 : arm64)
  const refuse = (table: Readonly<Record<string, Numbers>>, value: number): readonly Instruction[] =>
    Object.values(table).flatMap((numbers) => {
      const number = numberOf(numbers)
      return number === undefined ? [] : when(number, answer(errno(value)))
    })
  const program: readonly Instruction[] = [
    load(ABI_OF_CALL),
    { code: TESTS.equal, k: ABI[machine], yes: 1 },
    answer(KILL),
    load(NUMBER),
    ...(machine === 'x64' ? [skipUnless('from', X32, 1), answer(KILL)] : []),
    skipUnless('above', NEWEST, 1),
    answer(errno(ENOSYS)),
    ...refuse(FORBIDDEN, EPERM),
    ...refuse(ABSENT, ENOSYS),
    ...when(numberOf(CLONE) ?? 0, load(argument(0)), skipUnless('any', NAMESPACES, 1), answer(errno(EPERM)), answer(ALLOW)),
    ...when(
      numberOf(IOCTL) ?? 0,
      load(argument(1)),
      ...TERMINAL_INPUT.flatMap((command) => when(command, answer(errno(EPERM)))),
      answer(ALLOW),
    ),
    ...when(
      numberOf(SOCKET) ?? 0,
      load(argument(0)),
      ...FAMILIES.flatMap((family) => when(family, answer(ALLOW))),
      skipUnless('equal', NETLINK, 3),
      load(argument(2)),
      skipUnless('equal', 0, 1),
      answer(ALLOW),
      answer(errno(EAFNOSUPPORT)),
    ),
    answer(ALLOW),
  ]
  return assemble(program)
}

function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8)
  for (const [index, { code, yes = 0, no = 0, k }] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(yes, index * 8 + 2)
    bytes.writeUInt8(no, index * 8 + 3)
    bytes.writeUInt32LE(k >>> 0, index * 8 + 4)
  }
  return bytes
}
