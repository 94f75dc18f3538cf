/** What is no mistake, and may not be what was meant, told where it stands: by who checks a configuration, and before it is in force. */
import type { Config } from '../config/config.ts'
import { plainListeners } from '../config/contradictions.ts'
import { placeDoubts } from '../config/load.ts'
import type { Doubt } from '../config/names.ts'
import { visible } from '../core/visible.ts'
import { note, styled, type Terminal } from './terminal.ts'

/** Listeners by plain http to other machines. */
export function doubtfulListeners(config: Config): readonly Doubt[] {
  return plainListeners(config).map(({ path, isAdmin }) => ({
    path,
    told: isAdmin
      ? 'plain http to other machines, and passwords are typed there; write 127.0.0.1, or an https:// adminUrl where a proxy in front has TLS'
      : 'plain http to other machines: whoever is on the way reads keys and answers; write tls, or an https:// publicUrl where a proxy in front has TLS',
  }))
}

/** @param file as the operator named it. */
export function tellDoubts(terminal: Terminal, file: string, doubts: readonly Doubt[]): void {
  if (doubts.length > 0) tellWarnings(terminal, placeDoubts(file, doubts))
}

export function tellWarnings(terminal: Terminal, warnings: readonly string[]): void {
  for (const warning of warnings) note(terminal, `${styled(terminal.errors, 'yellow', 'warning')}: ${visible(warning)}`)
}
