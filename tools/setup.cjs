// Installs what package-lock.json names when it is not there yet; says nothing when it is. Old syntax on purpose.
'use strict'
var childProcess = require('child_process')
var fs = require('fs')
var path = require('path')

var root = path.dirname(__dirname)

function readPackages(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).packages || {}
  } catch (_) {
    return null
  }
}

/**
 * Why an installation is needed, or null. What npm wrote down as installed is held against the lockfile, content against content:
 * times of files lie after a clone, a copy or an unpacked cache.
 */
function missing() {
  var wanted = readPackages(path.join(root, 'package-lock.json'))
  if (!wanted) return null
  var present = readPackages(path.join(root, 'node_modules', '.package-lock.json'))
  if (!present) return 'nothing is installed yet'
  var names = Object.keys(wanted)
  for (var i = 0; i < names.length; i++) {
    var name = names[i]
    var want = wanted[name]
    if (name.indexOf('node_modules/') === -1 || want.link) continue
    var have = present[name]
    if (!have && (want.optional || want.devOptional || want.peer)) continue
    if (!have) return name.slice(name.lastIndexOf('node_modules/') + 13) + ' is missing'
    if (have.version !== want.version || have.integrity !== want.integrity) {
      return name.slice(name.lastIndexOf('node_modules/') + 13) + ' ' + have.version + ' should be ' + want.version
    }
  }
  return null
}

/** npm as the one that started us, else the one in PATH. */
function npm(args) {
  var script = process.env.npm_execpath
  if (script && /\.c?js$/.test(script)) return childProcess.spawnSync(process.execPath, [script].concat(args), options())
  return childProcess.spawnSync('npm', args, Object.assign(options(), { shell: process.platform === 'win32' }))
}

/** Our standard output belongs to the program that runs next (`portcullis run` speaks MCP on it): progress goes to standard error. */
function options() {
  return { cwd: root, stdio: ['ignore', 2, 2] }
}

function run() {
  var reason = missing()
  if (!reason) return
  var startedAt = Date.now()
  console.error('Setting up: ' + reason + '. Running "npm ci" in ' + root + ' (about half a minute, once) …')
  var result = npm(['ci', '--no-audit', '--no-fund'])
  if (result.error || result.status !== 0) {
    console.error('"npm ci" failed' + (result.error ? ': ' + result.error.message : ' with exit code ' + result.status) + '.')
    process.exit(1)
  }
  console.error('Set up in ' + Math.round((Date.now() - startedAt) / 1000) + ' s.')
}

exports.root = root
exports.run = run
exports.missing = missing
