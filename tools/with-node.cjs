// Runs a program on the pinned Node.js, after setting up whatever is missing. Old syntax on purpose: it must start on any Node.js.
//   node tools/with-node.cjs [--no-setup] [--with-parent] [--callers-path] <node arguments…>      NODE_BIN=/path/to/node chooses another runtime.
'use strict'
var childProcess = require('child_process')
var path = require('path')
var tty = require('tty')
var setup = require('./setup.cjs')

var MINIMUM = [24, 0]

function isNewEnough(version) {
  var parts = version.split('.')
  return +parts[0] > MINIMUM[0] || (+parts[0] === MINIMUM[0] && +parts[1] >= MINIMUM[1])
}

/** The runtime that package-lock.json pins for this platform, or null: other platforms bring their own. */
function pinned() {
  var platform = process.platform === 'win32' ? 'win' : process.platform
  try {
    var manifest = require.resolve('node-' + platform + '-' + process.arch + '/package.json')
    return path.join(path.dirname(manifest), require(manifest).bin.node)
  } catch (_) {
    return null
  }
}

function choose() {
  if (process.env.NODE_BIN) return process.env.NODE_BIN
  var bin = pinned()
  if (bin) return bin
  if (isNewEnough(process.versions.node)) return process.execPath
  console.error(
    'Node.js >= ' + MINIMUM.join('.') + ' is needed, this is ' + process.version +
      '. Run "npm ci" without --omit=optional, or install a newer Node.js.'
  )
  process.exit(1)
}

/**
 * PATH with the chosen runtime in front, so that our own scripts find the same one. What is installed here stands behind what the caller has:
 * that is for who has nothing of that name. With `--callers-path` so does the runtime, because what is started then are servers of the caller's.
 */
function environment(bin, isCallersPath) {
  var env = Object.assign({}, process.env)
  var key = Object.keys(env).filter(function (name) { return name.toUpperCase() === 'PATH' })[0] || 'PATH'
  var commands = path.join(setup.root, 'node_modules', '.bin')
  var runtime = path.dirname(bin)
  var order = isCallersPath ? [env[key], runtime, commands] : [runtime, env[key], commands]
  // An empty entry would be the current folder.
  env[key] = order.filter(Boolean).join(path.delimiter)
  // What was compiled once need not be again: commands and tests start many processes of the same files.
  if (!env.NODE_COMPILE_CACHE) env.NODE_COMPILE_CACHE = path.join(setup.root, 'node_modules', '.cache', 'node-compile')
  return env
}

/** How often it is looked whether the parent is still there. */
var LOOK_MS = 500

/** Before anything is installed, which takes a while. */
var parent = process.ppid

/** A shell that a signal ends does not pass it on (`npm start` has one in between): whoever started us is gone, and we belong to somebody else. */
function endWithParent(end) {
  var looking = setInterval(function () {
    if (process.ppid === parent) return
    clearInterval(looking)
    end()
  }, LOOK_MS)
}

function run(args, isCallersPath, isWithParent) {
  var bin = choose()
  // A gateway ends with its launcher; what merely runs to its end, as tests do, is left alone.
  var isBound = isCallersPath || isWithParent
  var child = childProcess.spawn(bin, isBound ? ['-r', path.join(__dirname, 'with-launcher.cjs')].concat(args) : args, {
    stdio: isBound ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit',
    env: environment(bin, isCallersPath)
  })
  var isEnding = false
  // A second signal would cut off what is under way.
  if (isWithParent) endWithParent(function () { if (!isEnding) child.kill('SIGTERM') })
  // A terminal sends its Ctrl-C to the child as well: passed on, it would arrive twice.
  var atTerminal = tty.isatty(0)
  var signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  signals.forEach(function (signal) {
    process.on(signal, function () {
      if (signal !== 'SIGHUP') isEnding = true
      if (!(atTerminal && signal === 'SIGINT')) child.kill(signal)
    })
  })
  child.on('error', function (error) {
    console.error(String(error))
    process.exit(1)
  })
  child.on('exit', function (code, signal) {
    if (!signal) process.exit(code === null ? 1 : code)
    signals.forEach(function (name) { process.removeAllListeners(name) })
    process.kill(process.pid, signal)
  })
}

var args = process.argv.slice(2)
if (args[0] === '--no-setup') args.shift()
else setup.run()
var isWithParent = args[0] === '--with-parent'
if (isWithParent) args.shift()
var isCallersPath = args[0] === '--callers-path'
if (isCallersPath) args.shift()
run(args, isCallersPath, isWithParent)
