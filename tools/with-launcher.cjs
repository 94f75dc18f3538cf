// Loaded in front of a program that tools/with-node.cjs starts: it ends when its launcher is gone, by whatever that was killed, as if told to by SIGTERM.
// The two share a channel, of which the system closes the launcher's end. Old syntax on purpose.
'use strict'
if (process.channel) {
  process.once('disconnect', function () { process.kill(process.pid, 'SIGTERM') })
  // It keeps nobody alive who has nothing else to do.
  process.channel.unref()
}
